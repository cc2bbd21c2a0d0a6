import type { SignInEvent } from './calls.ts';
import { t } from '../language/t.ts';

const SENTENCES: { [kind: string]: string } = {
  SIGN_IN: t('Signed in'),
  SIGN_IN_FAILED: t('Wrong password'),
  SIGN_IN_BLOCKED: t('Too many attempts to sign in'),
  SIGN_OUT: t('Signed out'),
  SESSION_REVOKED: t('Ended sessions'),
  REFRESH_REUSED: t('A refresh token was used twice; the session was ended'),
  REFRESH_REFUSED: t('A refresh token was refused'),
  REQUEST_REFUSED: t('A forged request was refused'),
  PASSWORD_CHANGED: t('Changed the password'),
  SECOND_FACTOR_ON: t('Turned on the second factor'),
  SECOND_FACTOR_OFF: t('Turned off the second factor'),
  SECOND_FACTOR_FAILED: t('Wrong code of the second factor'),
  PASSKEY_ADDED: t('Added a passkey'),
  PASSKEY_REMOVED: t('Removed a passkey'),
  PASSKEY_REFUSED: t('A passkey was refused'),
  PROOF_REFUSED: t('Did not prove who they are before a change'),
  CAPTCHA_FAILED: t('Did not solve the task that tells people from programs'),
  RECOVERY_CODES_MADE: t('Made new recovery codes'),
  SECURITY_CHANGED: t('Changed what the workspace asks of its members'),
  DOMAIN_ADDED: t('Added a domain of the workspace'),
  DOMAIN_PROVED: t('Proved a domain of the workspace'),
  DOMAIN_LEADS: t('Changed the address of the workspace'),
  DOMAIN_REMOVED: t('Removed a domain of the workspace'),
  TEAM_CREATED: t('Made a team'),
  TEAM_CHANGED: t('Changed a team'),
  TEAM_DELETED: t('Deleted a team'),
  TEAM_MEMBER_ADDED: t('Came into a team'),
  TEAM_MEMBER_CHANGED: t('Began or ceased to lead a team'),
  TEAM_MEMBER_REMOVED: t('Left a team'),
  SIGN_IN_REFUSED: t('Was not let in this way'),
  SSO_REFUSED: t('Single sign-on was refused'),
  IDENTITY_CONNECTED: t('Connected single sign-on'),
  IDENTITY_DISCONNECTED: t('Disconnected single sign-on'),
  PROVIDER_CREATED: t('Added an identity provider'),
  PROVIDER_CHANGED: t('Changed an identity provider'),
  PROVIDER_REMOVED: t('Removed an identity provider'),
  PROVIDER_TESTED: t('Tested an identity provider'),
  PROVIDER_CERTIFICATE_EXPIRES: t('The certificate of an identity provider is about to end'),
  KEY_CREATED: t('Created a key'),
  KEY_REVOKED: t('Revoked a key'),
  DATABASE_LOGIN_CREATED: t('Got a database login'),
  DATABASE_LOGIN_ROTATED: t('Got a new password for a database login'),
  DATABASE_LOGIN_ENDED: t('A database login ended'),
  IMPERSONATION_BEGUN: t('Somebody began to act as this member'),
  IMPERSONATION_ENDED: t('Somebody ceased to act as this member'),
  IMPERSONATION_REFUSED: t('Somebody was not let act as this member'),
  APP_REGISTERED: t('An app registered itself'),
  APP_CONNECTED: t('Connected an app'),
  APP_DISCONNECTED: t('An app was disconnected'),
  APP_REFUSED: t('An app was not let in'),
  APP_TOKEN_REUSED: t('A code or token of an app was used twice; the app was disconnected'),
  APP_CREATED: t('Registered an app'),
  APP_CHANGED: t('Changed an app'),
  APP_SECRET_CHANGED: t('Changed the secret of an app'),
  APP_JUDGED: t('Allowed or blocked an app'),
  APP_DELETED: t('Deleted an app'),
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
