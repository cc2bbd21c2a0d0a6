import { createHmac } from 'node:crypto';
import { resolve } from 'node:path';

/** Everything Relvar reads from its environment. Read once, validated together. */
export interface Config {
  /** An administrator's URL of your own PostgreSQL; null means the embedded server in `dataDir`. */
  databaseUrl: string | null;
  /** Where the embedded server, its passwords and uploaded files live. */
  dataDir: string;
  /** The port of the embedded server; null means any free one, remembered in `dataDir`. */
  pgPort: number | null;
  /** The one port that serves UI, API and live updates. */
  port: number;
  /** The URL with which server/ logs in (role relvar_server). */
  serverUrl: string | null;
  /** The URL with which worker/ logs in (role relvar_worker). */
  workerUrl: string | null;
  /** Passwords to give the two login roles; null leaves them as they are. */
  serverPassword: string | null;
  workerPassword: string | null;
  /** How many jobs one worker process runs at a time. */
  workerConcurrency: number;
  /** Seals secrets in the database; null means the one kept in `dataDir`. */
  secret: string | null;
  isProduction: boolean;
  mail: MailConfig;
  accounts: AccountsConfig;
  /** Who tells people from programs; null asks nobody. */
  captcha: CaptchaConfig | null;
  /** A database of places in MaxMind's format; null says of no address where it is. */
  geoIpPath: string | null;
  /** Whether identity providers may be asked in the private network of the server. */
  allowsPrivateProviders: boolean;
  /** Whether webhooks may lead into the private network of the server. */
  allowsPrivateReceivers: boolean;
  /** What Prometheus must know to read /metrics; null means that nobody reads it. */
  metricsToken: string | null;
  /** Whose pages may stand within pages of records. */
  frameOrigins: string[];
  /** From where maps have pictures of the ground: an address with {z}, {x} and {y}, and whose they are. */
  mapTiles: { url: string; attribution: string } | null;
  files: FilesConfig;
}

/** Where uploaded files are kept, how large they may be, and from where they are served. */
export interface FilesConfig {
  /** A bucket; null keeps them in `dataDir`. */
  s3: S3Config | null;
  maxBytes: number;
  /** An address of this server that serves nothing but files; null serves them where everything is. */
  url: string | null;
}

export interface S3Config {
  /** With the bucket, without a slash at the end. */
  url: string;
  region: string;
  keyId: string;
  secret: string;
}

export interface CaptchaConfig {
  kind: 'turnstile' | 'recaptcha' | 'hcaptcha';
  siteKey: string;
  secret: string;
  /** In place of the provider's own address. */
  verifyUrl: string | null;
  /** How many failures to sign in with an account come before it is asked for. */
  afterFailures: number;
}

/** How people get an account. */
export interface AccountsConfig {
  /** The address to be reached at, if one was given: requests that name another host are then refused. */
  publicUrl: string | null;
  /** Whether anybody may make a workspace of their own. */
  isSignUpOpen: boolean;
  /** Whether nobody enters before they have proved their e-mail address. */
  isEmailVerificationRequired: boolean;
}

export interface MailConfig {
  /** smtp:// or smtps://; null keeps mails in the outbox. */
  smtpUrl: string | null;
  /** The sender, such as "Acme CRM <crm@acme.com>". */
  from: string | null;
  /** Where people reach this Relvar, without a slash at the end. Links in mails are made of it. */
  publicUrl: string;
}

/** The variables, each with the sentence that people read when it is wrong. docs/running.md has a table of them. */
export const VARIABLES = {
  DATABASE_URL:
    'A postgres:// URL of an administrator (superuser, or a role with CREATEROLE and CREATE on the database). Without it an embedded PostgreSQL runs in RELVAR_DATA.',
  RELVAR_DATA: 'The folder of the embedded database, its passwords and files. Default: ./data.',
  RELVAR_PG_PORT:
    'The port of the embedded PostgreSQL, a whole number from 1 to 65535. Default: a free one, kept from then on.',
  PORT: 'The port Relvar is served on, a whole number from 1 to 65535. Default: 3000.',
  RELVAR_SERVER_URL: 'A postgres:// URL for the role relvar_server. Default: derived from DATABASE_URL.',
  RELVAR_WORKER_URL: 'A postgres:// URL for the role relvar_worker. Default: derived from DATABASE_URL.',
  RELVAR_SERVER_PASSWORD: 'The password to give to relvar_server. Default: derived from the password in DATABASE_URL.',
  RELVAR_WORKER_PASSWORD: 'The password to give to relvar_worker. Default: derived from the password in DATABASE_URL.',
  RELVAR_WORKER_CONCURRENCY: 'How many jobs one worker runs at a time, a whole number from 1 to 100. Default: 4.',
  RELVAR_SECRET:
    'At least 32 random characters that seal private keys and secrets in the database. Several servers need the same. Default: made once and kept in RELVAR_DATA.',
  RELVAR_URL:
    'The address at which people reach Relvar, such as https://crm.acme.com. Links in mails are made of it. With a star, such as https://*.crm.acme.com, each workspace has an address of its own. Default: http://localhost:PORT.',
  RELVAR_SMTP_URL:
    'The server that sends mails, smtp:// or smtps://user:password@host:port. Needs RELVAR_MAIL_FROM and RELVAR_URL. Without it mails are kept in core.mail_outbox.',
  RELVAR_MAIL_FROM: 'The sender of mails, such as "Acme CRM <crm@acme.com>".',
  RELVAR_SIGN_UP:
    'open lets anybody make a workspace; closed leaves that to "relvar workspace create", but for the first one. Default: closed.',
  RELVAR_EMAIL_VERIFICATION:
    'required lets nobody enter who has not proved their e-mail address; optional does. Default: optional.',
  RELVAR_CAPTCHA:
    'turnstile, recaptcha (v2) or hcaptcha asks people who sign up, ask for a mail or fail to sign in to show that they are no program. Needs RELVAR_CAPTCHA_SITE_KEY and RELVAR_CAPTCHA_SECRET. Default: nobody is asked.',
  RELVAR_CAPTCHA_SITE_KEY: 'The public key that the provider gave for this site.',
  RELVAR_CAPTCHA_SECRET: 'The secret with which the server asks the provider.',
  RELVAR_CAPTCHA_VERIFY_URL: 'Where answers are verified, http:// or https://. Default: the address of the provider.',
  RELVAR_CAPTCHA_AFTER_FAILURES:
    'How many failures to sign in with an account come before it is asked for, a whole number from 0 to 50. Default: 3.',
  RELVAR_GEOIP:
    'The file of a database of places in the format of MaxMind, such as GeoLite2-City.mmdb. Without it no place is shown beside addresses.',
  RELVAR_SSO_PRIVATE:
    'allowed lets workspaces name identity providers that lie in the private network of the server; refused does not, so that nobody looks around there. Default: refused.',
  RELVAR_WEBHOOKS_PRIVATE:
    'allowed lets webhooks lead to addresses in the private network of the server and on its machine, and exports go to buckets there; refused does not, so that nobody looks around there. Default: refused.',
  RELVAR_FILES_URL:
    'Another address of this server, such as https://acme-files.com, from which files are served and nothing else, so that none is ever of the same origin as the screen. Default: the address of Relvar.',
  RELVAR_FILES_MAX_MB: 'How many megabytes one file may have, a whole number from 1 to 51200. Default: 250.',
  RELVAR_BUCKET_URL:
    'The bucket that keeps uploaded files, such as https://s3.eu-central-1.amazonaws.com/acme-files. Needs RELVAR_BUCKET_KEY_ID and RELVAR_BUCKET_SECRET. Default: they are kept in RELVAR_DATA.',
  RELVAR_BUCKET_REGION: 'The region of that bucket. Default: us-east-1.',
  RELVAR_BUCKET_KEY_ID: 'The id of the access key to that bucket.',
  RELVAR_BUCKET_SECRET: 'The secret of that access key.',
  RELVAR_FRAME_ORIGINS:
    'Origins, separated by spaces, whose pages may stand within pages of records, such as https://maps.example.com https://*.example.org. Default: none.',
  RELVAR_MAP_TILES:
    'From where maps load the ground: an address with {z}, {x} and {y}, a space, and whose pictures they are, such as https://tiles.example.com/{z}/{x}/{y}.png © Example. Default: the outlines of countries.',
  RELVAR_METRICS_TOKEN:
    'At least 16 characters that Prometheus sends as "authorization: Bearer …" to read /metrics. Default: there is no /metrics.',
  NODE_ENV: 'development, test or production. Default: development.',
};

type Variable = keyof typeof VARIABLES;

/** Thrown with one line for each variable that cannot be used. */
export class ConfigError extends Error {
  code = 'CONFIG_INVALID';
}

export function loadConfig(env: Record<string, string | undefined> = process.env): Config {
  const problems: string[] = [];

  const text = (name: Variable): string | null => env[name]?.trim() || null;

  const refuse = (name: Variable, value: string) =>
    problems.push(`${name} is "${value}", which cannot be used. ${VARIABLES[name]}`);

  const integer = (name: Variable, min: number, max: number): number | null => {
    const value = text(name);
    if (value === null) return null;
    const number = Number(value);
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    refuse(name, value);
    return null;
  };

  const url = (name: Variable): string | null => {
    const value = text(name);
    if (value === null) return null;
    const parsed = URL.canParse(value) ? new URL(value) : null;
    if (parsed && /^postgres(ql)?:$/.test(parsed.protocol) && parsed.pathname.length > 1) return value;
    // The value may hold a password, so it is not repeated.
    problems.push(`${name} is not a postgres://user:password@host:port/database URL. ${VARIABLES[name]}`);
    return null;
  };

  const mode = text('NODE_ENV') ?? 'development';
  if (!['development', 'test', 'production'].includes(mode)) refuse('NODE_ENV', mode);

  const secret = text('RELVAR_SECRET');
  // The value is a secret, so it is not repeated.
  if (secret !== null && secret.length < 32) problems.push(`RELVAR_SECRET is too short. ${VARIABLES.RELVAR_SECRET}`);
  const address = (name: Variable, protocols: RegExp): string | null => {
    const value = text(name);
    if (value === null) return null;
    const parsed = URL.canParse(value) ? new URL(value) : null;
    if (parsed && protocols.test(parsed.protocol) && parsed.hostname !== '') return value.replace(/\/+$/, '');
    problems.push(`${name} is not a URL of the kind that it must be. ${VARIABLES[name]}`);
    return null;
  };

  const port = integer('PORT', 1, 65535) ?? 3000;
  const publicUrl = address('RELVAR_URL', /^https?:$/);
  if (publicUrl?.includes('*') === true && !/^https?:\/\/\*\.[^*/]+$/.test(publicUrl)) refuse('RELVAR_URL', publicUrl);
  const mail = {
    smtpUrl: address('RELVAR_SMTP_URL', /^smtps?:$/),
    from: text('RELVAR_MAIL_FROM'),
    publicUrl: publicUrl ?? `http://localhost:${port}`,
  };
  if (mail.from !== null && !/^[^<>\r\n]*<[^@\s<>]+@[^@\s<>]+>$|^[^@\s<>]+@[^@\s<>]+$/.test(mail.from))
    refuse('RELVAR_MAIL_FROM', mail.from);
  if (mail.smtpUrl !== null && (mail.from === null || publicUrl === null))
    problems.push(`RELVAR_SMTP_URL is set alone. ${VARIABLES.RELVAR_SMTP_URL}`);

  const isChosen = (name: Variable, [yes, no]: [yes: string, no: string]): boolean => {
    const value = text(name) ?? no;
    if (value !== yes && value !== no) refuse(name, value);
    return value === yes;
  };
  const accounts = {
    publicUrl,
    isSignUpOpen: isChosen('RELVAR_SIGN_UP', ['open', 'closed']),
    isEmailVerificationRequired: isChosen('RELVAR_EMAIL_VERIFICATION', ['required', 'optional']),
  };

  const captcha = ((): CaptchaConfig | null => {
    const kind = text('RELVAR_CAPTCHA');
    if (kind === null) return null;
    if (kind !== 'turnstile' && kind !== 'recaptcha' && kind !== 'hcaptcha') {
      refuse('RELVAR_CAPTCHA', kind);
      return null;
    }
    const [siteKey, captchaSecret] = [text('RELVAR_CAPTCHA_SITE_KEY'), text('RELVAR_CAPTCHA_SECRET')];
    if (siteKey === null || captchaSecret === null) {
      problems.push(`RELVAR_CAPTCHA is set without its two keys. ${VARIABLES.RELVAR_CAPTCHA}`);
      return null;
    }
    return {
      kind,
      siteKey,
      secret: captchaSecret,
      verifyUrl: address('RELVAR_CAPTCHA_VERIFY_URL', /^https?:$/),
      afterFailures: integer('RELVAR_CAPTCHA_AFTER_FAILURES', 0, 50) ?? 3,
    };
  })();

  const metricsToken = text('RELVAR_METRICS_TOKEN');
  if (metricsToken !== null && metricsToken.length < 16)
    problems.push(`RELVAR_METRICS_TOKEN is too short. ${VARIABLES.RELVAR_METRICS_TOKEN}`);

  const s3 = ((): S3Config | null => {
    const bucket = address('RELVAR_BUCKET_URL', /^https?:$/);
    const [keyId, s3Secret] = [text('RELVAR_BUCKET_KEY_ID'), text('RELVAR_BUCKET_SECRET')];
    if (bucket === null) return null;
    if (keyId === null || s3Secret === null) {
      problems.push(`RELVAR_BUCKET_URL is set without its key. ${VARIABLES.RELVAR_BUCKET_URL}`);
      return null;
    }
    return { url: bucket, region: text('RELVAR_BUCKET_REGION') ?? 'us-east-1', keyId, secret: s3Secret };
  })();
  const filesUrl = address('RELVAR_FILES_URL', /^https?:$/);
  // Of the same origin it would be no safer than without, and nothing but files would be there.
  if (
    filesUrl !== null &&
    (new URL(filesUrl).pathname !== '/' || new URL(filesUrl).host === new URL(mail.publicUrl.replace('*', 'any')).host)
  )
    refuse('RELVAR_FILES_URL', filesUrl);

  const frameOrigins = (text('RELVAR_FRAME_ORIGINS') ?? '').split(/\s+/).filter(Boolean);
  // What is written into a header of ours is an origin and nothing else.
  if (!frameOrigins.every((origin) => /^https?:\/\/(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?$/.test(origin)))
    refuse('RELVAR_FRAME_ORIGINS', frameOrigins.join(' '));

  const [tileUrl = '', ...whose] = (text('RELVAR_MAP_TILES') ?? '').split(/\s+/);
  const isTiles = /^https?:\/\/[A-Za-z0-9.-]+(:\d{1,5})?\/[^\s"'<>;,]*$/.test(tileUrl);
  // Its origin is written into a header of ours.
  if (tileUrl !== '' && !(isTiles && ['{z}', '{x}', '{y}'].every((part) => tileUrl.includes(part))))
    refuse('RELVAR_MAP_TILES', tileUrl);
  const mapTiles = tileUrl === '' ? null : { url: tileUrl, attribution: whose.join(' ') };

  const databaseUrl = url('DATABASE_URL');
  const serverPassword = text('RELVAR_SERVER_PASSWORD') ?? derivePassword(databaseUrl, 'relvar_server');
  const workerPassword = text('RELVAR_WORKER_PASSWORD') ?? derivePassword(databaseUrl, 'relvar_worker');

  const config: Config = {
    databaseUrl,
    dataDir: resolve(text('RELVAR_DATA') ?? 'data'),
    pgPort: integer('RELVAR_PG_PORT', 1, 65535),
    port,
    serverUrl: url('RELVAR_SERVER_URL') ?? loginUrl(databaseUrl, 'relvar_server', serverPassword),
    workerUrl: url('RELVAR_WORKER_URL') ?? loginUrl(databaseUrl, 'relvar_worker', workerPassword),
    serverPassword,
    workerPassword,
    workerConcurrency: integer('RELVAR_WORKER_CONCURRENCY', 1, 100) ?? 4,
    secret,
    isProduction: mode === 'production',
    mail,
    accounts,
    captcha,
    geoIpPath: text('RELVAR_GEOIP'),
    metricsToken,
    files: { s3, maxBytes: (integer('RELVAR_FILES_MAX_MB', 1, 51_200) ?? 250) * 1024 * 1024, url: filesUrl },
    frameOrigins,
    mapTiles,
    allowsPrivateProviders: isChosen('RELVAR_SSO_PRIVATE', ['allowed', 'refused']),
    allowsPrivateReceivers: isChosen('RELVAR_WEBHOOKS_PRIVATE', ['allowed', 'refused']),
  };
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return config;
}

/** The same server and database for another login. */
export function loginUrl(adminUrl: string, user: string, password: string | null): string;
export function loginUrl(adminUrl: string | null, user: string, password: string | null): string | null;
export function loginUrl(adminUrl: string | null, user: string, password: string | null): string | null {
  if (adminUrl === null) return null;
  const url = new URL(adminUrl);
  url.username = user;
  url.password = password === null ? '' : encodeURIComponent(password);
  return url.href;
}

/**
 * Several processes on several machines know DATABASE_URL and nothing else, and must agree on the
 * login roles' passwords; so these follow from the administrator's. An administrator without a
 * password (trust, peer) means that the server asks none.
 */
function derivePassword(databaseUrl: string | null, role: string): string | null {
  const secret = databaseUrl === null ? '' : decodeURIComponent(new URL(databaseUrl).password);
  if (secret === '') return null;
  return createHmac('sha256', secret).update(role).digest('base64url');
}
