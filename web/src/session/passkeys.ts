import type * as Browser from '@simplewebauthn/browser';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/browser';
import { Failure, fetchJson } from '../api/failure.ts';
import type { Identity, Step } from './session.ts';

interface Begun<Options> {
  options: Options;
  ticket: string;
}

/** Browsers have passkeys over https and on localhost. */
export const hasPasskeys = (): boolean => 'PublicKeyCredential' in window;

const NOT_USED = new Failure(
  'No passkey was used.',
  'PASSKEY_NOT_USED',
  'Try again and follow what your browser says, or go on another way.',
);

/** What the browser says is for programmers; most often somebody has closed its dialog. */
async function withBrowser<Answer>(work: (browser: typeof Browser) => Promise<Answer>): Promise<Answer> {
  const browser = await import('@simplewebauthn/browser');
  try {
    return await work(browser);
  } catch (cause) {
    const { code, name } = cause as { code?: string; name?: string };
    if (code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED')
      throw new Failure('This device has a passkey for your account already.', 'PASSKEY_THERE', 'Use that one.');
    if (name === 'AbortError') throw new Failure('Another passkey is asked for.', 'PASSKEY_ABORTED');
    throw NOT_USED;
  }
}

async function answerTo(path: string, body: object, useBrowserAutofill = false) {
  const { options, ticket } = await fetchJson<Begun<PublicKeyCredentialRequestOptionsJSON>>(path, body);
  const response = await withBrowser(({ startAuthentication }) =>
    startAuthentication({ optionsJSON: options, useBrowserAutofill }),
  );
  return { ticket, response };
}

async function make(path: string, body: object) {
  const { options, ticket } = await fetchJson<Begun<PublicKeyCredentialCreationOptionsJSON>>(path, body);
  const response = await withBrowser(({ startRegistration }) => startRegistration({ optionsJSON: options }));
  return { ticket, response };
}

/** Signs in with a passkey alone. With `isOffered` the browser offers it among what it fills into the e-mail field. */
export async function signInWithPasskey(workspace: string, isOffered = false): Promise<Identity | Step> {
  const answer = await answerTo('/auth/sign-in/passkey/begin', {}, isOffered);
  return fetchJson<Identity | Step>('/auth/sign-in/passkey', { ...answer, ...(workspace ? { workspace } : {}) });
}

/** Whether the browser can offer passkeys while a field is filled in. */
export const canOfferPasskeys = async (): Promise<boolean> =>
  hasPasskeys() && (await import('@simplewebauthn/browser')).browserSupportsWebAuthnAutofill();

/** The page on which they were offered is left. */
export const stopOffering = (): void =>
  void import('@simplewebauthn/browser').then(({ WebAuthnAbortService }) => WebAuthnAbortService.cancelCeremony());

export async function proveWithPasskey(ticket: string, remember: boolean): Promise<Identity> {
  const path = '/auth/sign-in/second-factor/passkey';
  const { ticket: passkeyTicket, response } = await answerTo(`${path}/begin`, { ticket });
  return fetchJson<Identity>(path, { ticket, passkeyTicket, response, remember });
}

export async function setUpPasskey(ticket: string): Promise<Identity & { recoveryCodes: string[] }> {
  const path = '/auth/sign-in/second-factor/passkey/set-up';
  const { ticket: passkeyTicket, response } = await make(`${path}/begin`, { ticket });
  return fetchJson(path, { ticket, passkeyTicket, response });
}

/** Proves once more who sits before the open session. */
export async function proveAgainWithPasskey(): Promise<void> {
  await fetchJson('/auth/prove/passkey', await answerTo('/auth/prove/passkey/begin', {}));
}

/** Adds a passkey; tells recovery codes where there were none. */
export async function addPasskey(proof: object): Promise<string[] | null> {
  const made = await make('/auth/passkeys/begin', proof);
  return (await fetchJson<{ recoveryCodes: string[] | null }>('/auth/passkeys', made)).recoveryCodes;
}
