/**
 * Every error that the server itself answers with: its HTTP status, its sentence, and what the reader
 * can do. docs/errors.md explains each; a test compares the two lists. Rules that the database keeps
 * (codes RV…) speak for themselves and are listed there too.
 */
export const ERRORS = {
  NOT_SIGNED_IN: {
    status: 401,
    message: 'You are not signed in.',
    hint: 'Sign in, or send an API key as "Authorization: Bearer rv_…".',
  },
  SIGN_IN_FAILED: {
    status: 401,
    message: 'The e-mail address or the password is not right.',
    hint: 'Check both. An administrator can set a new password.',
  },
  DOMAINS_UNAVAILABLE: {
    status: 409,
    message: 'This server has no address of its own, so workspaces can have none.',
    hint: 'The administrator of the server sets RELVAR_URL.',
  },
  WORKSPACE_REQUIRED: {
    status: 409,
    message: 'You are a member of several workspaces.',
    hint: 'Send "workspace" with the slug of the one to enter.',
  },
  NO_WORKSPACE: {
    status: 403,
    message: 'You are not a member of this workspace.',
    hint: 'Ask an administrator of the workspace to add you.',
  },
  TOO_MANY_ATTEMPTS: {
    status: 429,
    message: 'Too many attempts to sign in.',
    hint: 'Wait a few minutes, then try again.',
  },
  PASSWORD_COMMON: {
    status: 422,
    message: 'This password is one of the most common ones.',
    hint: 'Choose one that nobody else has. Several words that do not belong together are hard to guess.',
  },
  PASSWORD_WRONG: {
    status: 403,
    message: 'This is not your password.',
    hint: 'Enter the password that you sign in with.',
  },
  SECOND_FACTOR_FAILED: {
    status: 403,
    message: 'This code is not right.',
    hint: 'Enter the code that your app shows now, or one of your recovery codes. Each works once.',
  },
  SECOND_FACTOR_ON: {
    status: 409,
    message: 'The second factor is on already.',
    hint: 'Turn it off first, with your password.',
  },
  SECOND_FACTOR_ENFORCED: {
    status: 409,
    message: 'Your workspace wants a second factor.',
    hint: 'An administrator can change that in the settings of the workspace.',
  },
  SECOND_FACTOR_FIRST: {
    status: 403,
    message: 'Your workspace wants a second factor, and you have none.',
    hint: 'Sign in another way once and set one up under Security, or ask an administrator to trust the one of your provider.',
  },
  SSO_SESSION: {
    status: 403,
    message: 'You came in by the single sign-on of this workspace.',
    hint: 'Your account itself is changed only after signing in with your password or by a link.',
  },
  SSO_FAILED: {
    status: 403,
    message: 'Single sign-on did not work.',
    hint: 'Begin again. If it goes on, an administrator finds the reason under Security, Workspace.',
  },
  SSO_UNREACHABLE: {
    status: 502,
    message: 'The provider of single sign-on does not answer as it should.',
    hint: 'Try again in a few minutes, or sign in another way.',
  },
  SIGN_IN_AGAIN: {
    status: 403,
    message: 'It is too long ago that you signed in.',
    hint: 'Sign in again, or prove your second factor, and repeat this within ten minutes.',
  },
  PASSKEY_REFUSED: {
    status: 403,
    message: 'This passkey was not accepted.',
    hint: 'Try again. If it was removed from the account, sign in another way.',
  },
  PASSKEYS_UNAVAILABLE: {
    status: 409,
    message: 'There are no passkeys at this address.',
    hint: 'Browsers keep them for a host name, over https or on localhost. The administrator of the server sets RELVAR_URL.',
  },
  CAPTCHA_REQUIRED: {
    status: 403,
    message: 'Please show that you are no program.',
    hint: 'Solve the task on the page, then try again.',
  },
  CAPTCHA_FAILED: {
    status: 403,
    message: 'The task was not solved, or too long ago.',
    hint: 'Solve it again.',
  },
  CAPTCHA_UNAVAILABLE: {
    status: 503,
    message: 'It cannot be checked right now whether you are a person.',
    hint: 'Try again in a minute.',
  },
  TICKET_EXPIRED: {
    status: 401,
    message: 'Signing in took too long.',
    hint: 'Begin again with your password.',
  },
  RATE_LIMITED: {
    status: 429,
    message: 'This key has made too many requests.',
    hint: 'Wait as long as Retry-After says. The headers RateLimit and RateLimit-Policy tell what a key may ask.',
  },
  LINK_NOT_VALID: {
    status: 410,
    message: 'This link does not work any more.',
    hint: 'It works once, and for a short time. Ask for a new one.',
  },
  EMAIL_NOT_VERIFIED: {
    status: 403,
    message: 'You have not confirmed your e-mail address yet.',
    hint: 'Open the link in the mail that we have just sent you.',
  },
  SIGN_UP_CLOSED: {
    status: 403,
    message: 'New workspaces are not made here by everybody.',
    hint: 'Ask the administrator of this server for a workspace, or of your workspace for an invitation.',
  },
  PASSWORD_TOO_SHORT: {
    status: 422,
    message: 'A password needs at least 10 characters.',
    hint: 'A few words that you remember are better than one with odd signs.',
  },
  WRONG_HOST: {
    status: 421,
    message: 'This request names another host than this server has.',
    hint: null,
  },
  CROSS_SITE: {
    status: 403,
    message: 'This request comes from another site.',
    hint: 'Requests with a session cookie must come from the site itself; programs use an API key.',
  },
  OTHER_SESSION: {
    status: 409,
    message: 'This page belongs to another session.',
    hint: 'Somebody signed in or changed the workspace in this browser. Load the page again.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    message: 'The body of this request must be JSON.',
    hint: 'Send "Content-Type: application/json".',
  },
  INVALID_JSON: {
    status: 400,
    message: 'The body of this request is not valid JSON.',
    hint: null,
  },
  INVALID_REQUEST: {
    status: 400,
    message: 'This request cannot be understood.',
    hint: null,
  },
  BODY_TOO_LARGE: {
    status: 413,
    message: 'The body of this request is too large.',
    hint: 'Send at most 1 MB; larger amounts of data go through the import.',
  },
  NOT_FOUND: {
    status: 404,
    message: 'There is nothing at this address.',
    hint: null,
  },
  FILE_TOO_LARGE: {
    status: 413,
    message: 'This file is too large.',
    hint: 'Send a smaller one.',
  },
  FILE_MISSING: {
    status: 404,
    message: 'There is no such file, or your role may not see the record that has it.',
    hint: 'It may have been deleted. Load the record again.',
  },
  FILE_LINK_NOT_VALID: {
    status: 410,
    message: 'This link does not open the file any more.',
    hint: 'Links are good for a while, and for who asked for them. Open the file where it is shown.',
  },
  FILE_CONTENT_MISSING: {
    status: 404,
    message: 'The content of this file is gone.',
    hint: 'The administrator of the server may have it in a backup.',
  },
  SUBSCRIPTION_NEEDS_STREAM: {
    status: 406,
    message: 'A subscription is answered by a stream.',
    hint: 'Open a WebSocket at /graphql (graphql-transport-ws), or send "Accept: text/event-stream".',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    message: 'This address does not answer this method.',
    hint: 'Send a POST.',
  },
  INVALID_QUERY: {
    status: 400,
    message: 'The GraphQL document does not fit the schema.',
    hint: null,
  },
  MODEL_NOT_READY: {
    status: 503,
    message: 'The data model asked for is not being served yet.',
    hint: 'Try again in a few seconds.',
  },
  MODEL_CHANGED: {
    status: 409,
    message: 'The data model has changed since this request was written.',
    hint: 'Load the data model again, then repeat the request.',
  },
  FORBIDDEN: {
    status: 403,
    message: 'Your role does not permit this.',
    hint: 'Ask an administrator to change the permissions of your role.',
  },
  READ_ONLY: {
    status: 403,
    message: 'Nothing can be changed while you see the workspace as somebody else does.',
    hint: 'Go back to your own view first.',
  },
  APP_READS_ONLY: {
    status: 403,
    message: 'This app was only let in to read.',
    hint: 'Connect it again and ask for the scope "api".',
  },
  APP_NOT_ALLOWED: {
    status: 403,
    message: 'This workspace does not let this app in.',
    hint: 'Ask somebody who keeps the keys of the workspace to allow it.',
  },
  CONSENT_EXPIRED: {
    status: 410,
    message: 'This request of an app is not open any more.',
    hint: 'Go back to the app and connect it again.',
  },
  NOT_UNIQUE: {
    status: 409,
    message: 'Another record has this value already, and it must be unique.',
    hint: 'Choose another value, or open the record that has it.',
  },
  RECORD_MISSING: {
    status: 404,
    message: 'There is no such record, or your role may not do this with it.',
    hint: 'It may have been deleted. Load the records again.',
  },
  RELATED_RECORD_MISSING: {
    status: 409,
    message: 'The record that this one should point to does not exist.',
    hint: 'It may have been deleted. Choose another one.',
  },
  STILL_REFERENCED: {
    status: 409,
    message: 'Other records point to this one, so it cannot be removed.',
    hint: 'Remove or change those records first.',
  },
  VALUE_NOT_ALLOWED: {
    status: 422,
    message: 'This value is not one of those allowed.',
    hint: 'Choose one of the options of the field.',
  },
  VALUE_REQUIRED: {
    status: 422,
    message: 'A value is required here.',
    hint: null,
  },
  VALUE_INVALID: {
    status: 422,
    message: 'This value does not fit the type of the field.',
    hint: null,
  },
  TOO_MANY_RECORDS: {
    status: 422,
    message: 'This list has more than 10,000 records.',
    hint: 'Ask for a page with "first" and "after", or filter. Everything at once comes with the export.',
  },
  CONFLICT: {
    status: 409,
    message: 'Someone else changed the same data at the same moment.',
    hint: 'Try again.',
  },
  TIMEOUT: {
    status: 503,
    message: 'This took too long and was stopped.',
    hint: 'Ask for fewer records, or filter by a field that has an index.',
  },
  DATABASE_UNAVAILABLE: {
    status: 503,
    message: 'The database does not answer.',
    hint: 'Try again in a few seconds. Nothing of this request was saved unless you were told so.',
  },
  UI_NOT_BUILT: {
    status: 503,
    message: 'The user interface has not been built.',
    hint: 'Run "npm run build", then reload. The API works without it.',
  },
  INTERNAL: {
    status: 500,
    message: 'Something went wrong on our side.',
    hint: 'The id in this answer finds the cause in the log of the server.',
  },
} as const satisfies Record<string, { status: number; message: string; hint: string | null }>;

/** RFC 9110 wants it; our own pages tell by it that another token may help, and a wrong password from that. */
const SAY_HOW = { 'www-authenticate': 'Bearer' };

export type ErrorCode = keyof typeof ERRORS;

/** An error with a code, meant for the person who made the request. */
export class RequestError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly hint: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** The part of the request at fault. */
  readonly field: string | undefined;

  constructor(
    code: ErrorCode,
    details: { message?: string; hint?: string; headers?: Record<string, string>; field?: string } = {},
  ) {
    super(details.message ?? ERRORS[code].message);
    this.code = code;
    this.status = ERRORS[code].status;
    this.hint = details.hint ?? ERRORS[code].hint;
    this.headers = { ...(code === 'NOT_SIGNED_IN' && SAY_HOW), ...details.headers };
    this.field = details.field;
  }
}
