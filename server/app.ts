import type { IncomingMessage, RequestListener } from 'node:http';
import type { Duplex } from 'node:stream';
import express from 'express';
import type { Pool } from 'pg';
import type { AccountsConfig, CaptchaConfig } from '../db/config.ts';
import type { FileStore } from '../db/files/store.ts';
import { makeGuardedFetch } from '../db/guardedFetch.ts';
import type { Secrets } from '../db/secrets.ts';
import { installAccount } from './auth/account/account.ts';
import { AccessTokens } from './auth/accessTokens.ts';
import { installAccounts } from './auth/account/accounts.ts';
import { Attempts } from './auth/attempts.ts';
import { installAuth } from './auth/auth.ts';
import { Captcha } from './auth/captcha/captcha.ts';
import { Devices } from './auth/sessions/devices.ts';
import { Identities } from './auth/identity.ts';
import { installImpersonation } from './auth/acting/impersonation.ts';
import { Own } from './auth/own.ts';
import { installPasskeys } from './auth/passkeys/passkeyRoutes.ts';
import { Passkeys } from './auth/passkeys/passkeys.ts';
import { installPhotos } from './auth/account/photos.ts';
import { NO_PLACES } from './auth/places.ts';
import type { Places } from './auth/places.ts';
import { RateLimits } from './auth/rateLimits.ts';
import { Refusals } from './auth/refusals.ts';
import { SecondFactor } from './auth/secondFactor/secondFactor.ts';
import { installSecondFactor } from './auth/secondFactor/secondFactorRoutes.ts';
import { installSeeing } from './auth/acting/seeing.ts';
import { Sessions } from './auth/sessions/sessions.ts';
import { SigningKeys } from './auth/signingKeys.ts';
import { installSignUp } from './auth/signUp/signUp.ts';
import { makeStartSession } from './auth/startSession.ts';
import { CERTIFICATE_PATH, installDomains, installLeading } from './domains/domainRoutes.ts';
import type { ResolveTxt } from './domains/domainRoutes.ts';
import { RequestError } from './errors.ts';
import { Files } from './files/fileRoutes.ts';
import { Gateway } from './gateway/gateway.ts';
import { buildInstance } from './gateway/instance.ts';
import type { Instance } from './gateway/instance.ts';
import { installGateway, makeEndpoints, recordsEndpoint } from './gateway/installGateway.ts';
import { introspectSchema } from './gateway/introspect.ts';
import { installExports } from './exports/exportRoutes.ts';
import { installScheduledExports } from './exports/scheduledExports.ts';
import { installHealth } from './health/health.ts';
import { installImports } from './imports/importRoutes.ts';
import { handleError, sendError } from './http/answer.ts';
import { Domains } from './http/domains.ts';
import { isOfOtherHost } from './http/origin.ts';
import { EventStreams, installEventStreams } from './live/eventStream.ts';
import { Live } from './live/live.ts';
import { WebSockets } from './live/webSocket.ts';
import { log } from './log.ts';
import { installMetrics } from './metrics/metrics.ts';
import { Notices } from './notices/notices.ts';
import { installOauth } from './oauth/oauth.ts';
import { installScim } from './scim/scim.ts';
import { installCallback } from './sso/callback.ts';
import { OpenId, PRESETS } from './sso/openId.ts';
import type { Presets } from './sso/openId.ts';
import { installProviders } from './sso/providerRoutes.ts';
import { installAnswers } from './sso/saml/answers.ts';
import { Saml } from './sso/saml/saml.ts';
import { installSamlSettings } from './sso/saml/settingsRoutes.ts';
import { installSsoSignIn } from './sso/signInRoutes.ts';
import { installStatic } from './static/static.ts';
import { installWebhookSecrets } from './webhooks/secretRoutes.ts';

export interface AppFiles {
  readonly store: FileStore;
  readonly maxBytes: number;
  readonly url: string | null;
}

interface AppOptions {
  /** Logs in as relvar_server. */
  readonly pool: Pool;
  /** The same login, for the connection that listens. */
  readonly serverUrl: string;
  /** Opens the private keys that the database keeps. */
  readonly secrets: Secrets;
  /** The built user interface. */
  readonly webDirectory: string;
  /** Where uploaded files are kept, how many bytes one may have, and from where they are served if not from here; without it there are none. */
  readonly files?: AppFiles;
  /** Offers GraphiQL at GET /graphql and /metadata. */
  readonly development: boolean;
  /** Migrations that the database lacks. */
  readonly pendingMigrations: () => Promise<readonly string[]>;
  readonly maxSchemas?: number;
  /** How people get accounts; without it nobody does but by invitation. */
  readonly accounts?: AccountsConfig;
  /** Who tells people from programs; without it nobody is asked. */
  readonly captcha?: CaptchaConfig | null;
  /** Whose pages may stand within pages of records. */
  readonly frameOrigins?: readonly string[];
  /** From where maps have pictures of the ground; without it they draw the outlines of countries. */
  readonly mapTiles?: { readonly url: string; readonly attribution: string } | null;
  /** Where addresses are; without it that is not known. */
  readonly places?: Places;
  /** Whether identity providers may lie in a private network. */
  readonly allowsPrivateProviders?: boolean;
  /** Where Google and Microsoft are; tests have them on this machine. */
  readonly presets?: Presets;
  /** What Prometheus must know to be answered; without it there is no /metrics. */
  readonly metricsToken?: string | null;
  /** Asks the DNS for texts; tests answer themselves. */
  readonly resolveTxt?: ResolveTxt;
  /** Whether mails are sent; where they are not, a server in development shows them. */
  readonly sendsMail?: boolean;
}

/** What the operator's own programs ask, by whatever name they reach the server. */
const ANSWERED_ANYWHERE = new Set(['/healthz', '/metrics', CERTIFICATE_PATH]);

const NOBODY_ENTERS: AccountsConfig = { publicUrl: null, isSignUpOpen: false, isEmailVerificationRequired: false };

export interface App {
  /** Answers requests. It does not listen, so that tests need no port. */
  readonly handler: RequestListener;
  /** Takes the requests of a listening server to speak WebSocket. */
  readonly upgrade: (request: IncomingMessage, stream: Duplex, head: Buffer) => void;
  readonly gateway: Gateway;
  readonly notices: Notices;
  readonly live: Live;
  /** Ends what keeps the process alive: the listening connection and the event streams. */
  readonly stop: () => Promise<void>;
}

export async function makeApp(options: AppOptions): Promise<App> {
  const { pool } = options;
  const notices = new Notices(options.serverUrl);
  const gateway = new Gateway(pool, { count: options.maxSchemas ?? 40, heapMb: 480 });
  const signingKeys = new SigningKeys(pool, options.secrets);
  const tokens = new AccessTokens(signingKeys);
  const { secrets, accounts = NOBODY_ENTERS, captcha: captchaConfig = null, places = NO_PLACES } = options;
  const refusals = new Refusals(pool);
  const rateLimits = new RateLimits(pool);
  const identities = new Identities({
    pool,
    tokens,
    refusals,
    publicUrl: accounts.publicUrl,
    rateLimits,
    onResolved: ({ workspaceId, modelVersion, shape }) =>
      gateway.models.note(workspaceId, { version: modelVersion, shape }),
  });
  followModel({ notices, gateway, identities });
  const domains = new Domains(pool, accounts.publicUrl);
  for (const event of ['domains', 'resumed'] as const)
    notices.on(event, () => void domains.load().catch(() => undefined));
  const records = recordsEndpoint({ pool, identities, gateway });
  const live = new Live({ pool, identities, models: gateway.models, notices, records });
  const streams = new EventStreams(live, identities);
  const webSockets = new WebSockets(live, identities);

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // A proxy on the same machine says who the client is; from anywhere else that would be a claim.
  app.set('trust proxy', 'loopback');

  installEventStreams(app, streams, identities);
  if (options.development) {
    const { installRuru } = await import('./gateway/ruru.ts');
    installRuru(app, identities);
  }
  const showsMail = options.development && !options.sendsMail;
  if (showsMail) {
    const { installDevMail } = await import('./dev/mail.ts');
    installDevMail(app, pool);
  }
  const endpoints = makeEndpoints(
    { pool, identities, gateway, metadata: metadataInstance(pool) },
    { ...records, stream: (call) => streams.answer(call) },
  );
  installGateway(app, endpoints);
  const attempts = new Attempts(pool);
  const sessions = new Sessions({ pool, identities, tokens });
  const secondFactor = new SecondFactor({ pool, secrets: options.secrets, attempts });
  const passkeys = new Passkeys({ pool, secrets, publicUrl: accounts.publicUrl });
  const devices = new Devices({ pool, places });
  const startSession = makeStartSession({
    publicUrl: accounts.publicUrl,
    pool,
    sessions,
    secondFactor,
    secrets,
    devices,
    passkeys,
  });
  const own = new Own({ pool, identities, attempts, secondFactor });
  const captcha = new Captcha({ pool, attempts, config: captchaConfig });
  installSecondFactor(app, { pool, identities, secrets, secondFactor, startSession, own });
  installPasskeys(app, { pool, identities, attempts, secrets, passkeys, secondFactor, startSession, own, accounts });
  installAccount(app, { pool, own, startSession, places, publicUrl: accounts.publicUrl });
  installImpersonation(app, { pool, identities, sessions, own, publicUrl: accounts.publicUrl });
  installAuth(app, { pool, identities, attempts, sessions, signingKeys, startSession, accounts, captcha });
  installAccounts(app, { pool, identities, attempts, startSession, own, accounts, captcha });
  const providerFetch = makeGuardedFetch({
    allowsPrivate: options.allowsPrivateProviders ?? false,
    allowsLoopback: options.development,
  });
  const sso = {
    pool,
    identities,
    attempts,
    own,
    startSession,
    accounts,
    secrets,
    openId: new OpenId({
      secrets,
      fetch: providerFetch,
      presets: options.presets ?? PRESETS,
      allowsLoopback: options.development,
    }),
    saml: new Saml(pool, options.secrets),
  };
  installSsoSignIn(app, sso);
  installCallback(app, sso);
  installProviders(app, sso);
  installAnswers(app, sso);
  installSamlSettings(app, { ...sso, fetch: providerFetch });
  installWebhookSecrets(app, { pool, identities, secrets });
  installPhotos(app, { pool, identities });
  installImports(app, { pool, identities });
  const { publicUrl } = accounts;
  const files = options.files && new Files({ pool, identities, secrets, publicUrl, ...options.files });
  files?.install(app);
  installExports(app, { pool, identities, records });
  if (options.files) installScheduledExports(app, { pool, identities, secrets, store: options.files.store });
  installSeeing(app, { pool, identities });
  installSignUp(app, { pool, identities, attempts, startSession, own, accounts, captcha, passkeys, showsMail });
  installOauth(app, { pool, identities, attempts, refusals, own, signingKeys, publicUrl });
  installScim(app, { pool, rateLimits, refusals, publicUrl });
  installDomains(app, { pool, identities, domains, publicUrl, resolveTxt: options.resolveTxt });
  installHealth(app, { ...options, notices });
  const { metricsToken = null } = options;
  const requests =
    metricsToken === null ? null : installMetrics(app, { pool, token: metricsToken, live, schemas: gateway.instances });
  installLeading(app, { domains, publicUrl });
  app.get('/map', (_request, response) => void response.json(options.mapTiles ?? null));
  installStatic(app, options.webDirectory, {
    captcha: captchaConfig?.kind,
    filesUrl: options.files?.url,
    frameOrigins: options.frameOrigins,
    mapTiles: options.mapTiles,
  });
  app.use(handleError);

  await notices.start();
  // Not before notices are heard: a change in between would be missed.
  await domains.load();
  // Before anything is looked at: links, cookies and issuers follow from the host that a request names.
  const isRefused = (request: IncomingMessage): boolean => {
    if (domains.admits(request) && !isOfOtherHost(request, publicUrl)) return false;
    if (ANSWERED_ANYWHERE.has((request.url ?? '').split('?')[0]!)) return false;
    refusals.note(request, 'WRONG_HOST', { detail: { host: String(request.headers.host).slice(0, 200) } });
    return true;
  };
  return {
    handler: (request, response) => {
      requests?.watch(request, response);
      if (files?.isOwnAddress(request)) {
        files.answer(request, response);
        return;
      }
      if (isRefused(request)) {
        sendError(response, new RequestError('WRONG_HOST'));
        return;
      }
      // The busiest addresses go past Express; everything else is routed by it.
      const listener = request.method === 'POST' ? endpoints[request.url!] : undefined;
      (listener ?? app)(request, response);
    },
    upgrade: (request, stream, head) => {
      if (isRefused(request)) {
        stream.end('HTTP/1.1 421 Misdirected Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      webSockets.upgrade(request, stream, head);
    },
    gateway,
    notices,
    live,
    stop: async () => {
      live.stop();
      attempts.stop();
      await notices.stop();
    },
  };
}

/** Keeps what is remembered in step with the database. */
function followModel(parts: { notices: Notices; gateway: Gateway; identities: Identities }): void {
  const { notices, gateway, identities } = parts;
  notices.prependListener('model', ({ workspace }) => {
    identities.forgetWorkspace(workspace);
    gateway.models.look(workspace).catch((error: Error) => {
      // One that was dropped is looked for once more.
      if (!(error instanceof RequestError)) log('cannot look at a changed model', { error: error.message });
    });
  });
  notices.prependListener('identity', (notice) => identities.forget(notice));
  notices.prependListener('resumed', () => {
    identities.forgetAll();
    gateway.models.compare().catch((error: Error) => {
      log('cannot compare model versions after reconnecting', { error: error.message });
    });
  });
}

/** Built at the first request, or sooner by whoever calls it; a failure is not remembered. */
function metadataInstance(pool: Pool): () => Promise<Instance> {
  let instance: Promise<Instance> | undefined;
  return () => {
    if (!instance) {
      instance = introspectSchema(pool, 'metadata').then((catalogue) => buildInstance('metadata', catalogue));
      instance.catch(() => {
        instance = undefined;
      });
    }
    return instance;
  };
}
