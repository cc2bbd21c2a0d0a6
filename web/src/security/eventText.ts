import type { SignInEvent } from './calls.ts';

const SENTENCES: { [kind: string]: string } = {
  SIGN_IN: 'Signed in',
  SIGN_IN_FAILED: 'Wrong password',
  SIGN_IN_BLOCKED: 'Too many attempts to sign in',
  SIGN_OUT: 'Signed out',
  SESSION_REVOKED: 'Ended sessions',
  REFRESH_REUSED: 'A refresh token was used twice; the session was ended',
  REFRESH_REFUSED: 'A refresh token was refused',
  REQUEST_REFUSED: 'A forged request was refused',
  PASSWORD_CHANGED: 'Changed the password',
  SECOND_FACTOR_ON: 'Turned on the second factor',
  SECOND_FACTOR_OFF: 'Turned off the second factor',
  SECOND_FACTOR_FAILED: 'Wrong code of the second factor',
  PASSKEY_ADDED: 'Added a passkey',
  PASSKEY_REMOVED: 'Removed a passkey',
  PASSKEY_REFUSED: 'A passkey was refused',
  PROOF_REFUSED: 'Did not prove who they are before a change',
  CAPTCHA_FAILED: 'Did not solve the task that tells people from programs',
  RECOVERY_CODES_MADE: 'Made new recovery codes',
  SECURITY_CHANGED: 'Changed what the workspace asks of its members',
  DOMAIN_ADDED: 'Added a domain of the workspace',
  DOMAIN_PROVED: 'Proved a domain of the workspace',
  DOMAIN_LEADS: 'Changed the address of the workspace',
  DOMAIN_REMOVED: 'Removed a domain of the workspace',
  TEAM_CREATED: 'Made a team',
  TEAM_CHANGED: 'Changed a team',
  TEAM_DELETED: 'Deleted a team',
  TEAM_MEMBER_ADDED: 'Came into a team',
  TEAM_MEMBER_CHANGED: 'Began or ceased to lead a team',
  TEAM_MEMBER_REMOVED: 'Left a team',
  SIGN_IN_REFUSED: 'Was not let in this way',
  SSO_REFUSED: 'Single sign-on was refused',
  IDENTITY_CONNECTED: 'Connected single sign-on',
  IDENTITY_DISCONNECTED: 'Disconnected single sign-on',
  PROVIDER_CREATED: 'Added an identity provider',
  PROVIDER_CHANGED: 'Changed an identity provider',
  PROVIDER_REMOVED: 'Removed an identity provider',
  PROVIDER_TESTED: 'Tested an identity provider',
  PROVIDER_CERTIFICATE_EXPIRES: 'The certificate of an identity provider is about to end',
  KEY_CREATED: 'Created a key',
  KEY_REVOKED: 'Revoked a key',
  DATABASE_LOGIN_CREATED: 'Got a database login',
  DATABASE_LOGIN_ROTATED: 'Got a new password for a database login',
  DATABASE_LOGIN_ENDED: 'A database login ended',
  IMPERSONATION_BEGUN: 'Somebody began to act as this member',
  IMPERSONATION_ENDED: 'Somebody ceased to act as this member',
  IMPERSONATION_REFUSED: 'Somebody was not let act as this member',
  APP_REGISTERED: 'An app registered itself',
  APP_CONNECTED: 'Connected an app',
  APP_DISCONNECTED: 'An app was disconnected',
  APP_REFUSED: 'An app was not let in',
  APP_TOKEN_REUSED: 'A code or token of an app was used twice; the app was disconnected',
  APP_CREATED: 'Registered an app',
  APP_CHANGED: 'Changed an app',
  APP_SECRET_CHANGED: 'Changed the secret of an app',
  APP_JUDGED: 'Allowed or blocked an app',
  APP_DELETED: 'Deleted an app',
};

/** What happened, as a person would say it; a kind that is new is shown by its name. */
export function eventText({ kind, detail }: SignInEvent): string {
  const sentence =
    SENTENCES[kind] ??
    kind
      .replaceAll('_', ' ')
      .toLowerCase()
      .replace(/^./, (letter) => letter.toUpperCase());
  const name =
    detail['key'] ?? detail['login'] ?? detail['impersonator'] ?? detail['team'] ?? detail['app'] ?? detail['domain'];
  if (typeof name === 'string') return `${sentence} (${name})`;
  const more = detail['method'] ?? detail['reason'];
  return typeof more === 'string' ? `${sentence} (${more.replaceAll('_', ' ').toLowerCase()})` : sentence;
}
