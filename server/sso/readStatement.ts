import type { ProviderKind, Statement } from './enterWithProvider.ts';

type Claims = Readonly<Record<string, unknown>>;

export interface OpenIdSettings {
  readonly issuer?: string;
  readonly clientId?: string;
  readonly scopes?: string;
  readonly trustsEmail?: boolean;
  readonly hostedDomain?: string;
  readonly tenant?: string;
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const isTrue = (value: unknown): boolean => value === true || value === 'true' || value === 1 || value === '1';

/** What the claims of a provider say of a person, and how far they can be believed: each kind has its own ways. */
export function readStatement(kind: ProviderKind, settings: OpenIdSettings, claims: Claims): Statement {
  const { email, isEmailVerified } = readEmail(kind, settings, claims);
  const parts = [text(claims['given_name']), text(claims['family_name'])].filter(Boolean).join(' ');
  return {
    subject: readSubject(kind, claims),
    email,
    isEmailVerified: email !== null && isEmailVerified,
    name: text(claims['name']) ?? text(parts),
    claims,
    hasSecondFactor: hasSecondFactor(claims['amr']),
  };
}

/** Microsoft knows people by their object in their directory; its `sub` is another for each application. */
function readSubject(kind: ProviderKind, claims: Claims): string {
  const [directory, object] = [text(claims['tid']), text(claims['oid'])];
  return kind === 'MICROSOFT' && directory && object ? `${directory}:${object}` : String(claims['sub']);
}

function readEmail(kind: ProviderKind, settings: OpenIdSettings, claims: Claims) {
  const email = text(claims['email']);
  if (kind === 'GOOGLE') {
    // Of other domains Google has only seen once that somebody reads the mailbox; it may be somebody else's by now.
    const isAuthority = text(claims['hd']) !== null || /@gmail\.com$/i.test(email ?? '');
    return { email, isEmailVerified: isTrue(claims['email_verified']) && isAuthority };
  }
  if (kind === 'MICROSOFT') {
    // Whoever keeps a directory writes what he likes into `email`; `xms_edov` says that the domain is proved there.
    if (settings.trustsEmail) return { email: email ?? text(claims['preferred_username']), isEmailVerified: true };
    return { email, isEmailVerified: isTrue(claims['xms_edov']) };
  }
  return { email, isEmailVerified: settings.trustsEmail === true || isTrue(claims['email_verified']) };
}

/** RFC 8176: `mfa` by name, or a password and something that is not known but had or been. */
const OTHER_FACTORS = ['otp', 'hwk', 'swk', 'sc', 'sms', 'tel', 'fpt', 'face', 'iris', 'retina', 'vbm', 'pop'];

function hasSecondFactor(amr: unknown): boolean {
  const methods = Array.isArray(amr) ? amr : [];
  return (
    methods.includes('mfa') || (methods.includes('pwd') && OTHER_FACTORS.some((factor) => methods.includes(factor)))
  );
}
