import { createHash, randomBytes } from 'node:crypto';
import request from 'supertest';
import type { ResolveTxt } from '../domains/domainRoutes.ts';
import type { AccountsConfig, CaptchaConfig } from '../../db/config.ts';
import { Secrets } from '../../db/secrets.ts';
import { useDatabase } from '../../db/testing/database.ts';
import type { TestDatabase } from '../../db/testing/database.ts';
import type { Presets } from '../sso/openId.ts';
import { makeApp } from '../app.ts';
import type { App, AppFiles } from '../app.ts';
import { hashPassword } from '../auth/passwords.ts';
import type { Places } from '../auth/places.ts';

export interface GraphqlAnswer {
  data?: Record<string, unknown> | null;
  errors?: {
    message: string;
    path?: (string | number)[];
    extensions: { code: string; hint?: string | null; field?: string; id?: string };
  }[];
  extensions?: { deprecated: { name: string; use: string }[] };
}

/** Sends GraphQL as one API key. */
export interface Caller {
  readonly workspaceId: string;
  readonly schemaName: string;
  readonly slug: string;
  readonly apiKey: string;
  records: (query: string, variables?: object, headers?: Record<string, string>) => Promise<GraphqlAnswer>;
  metadata: (query: string, variables?: object) => Promise<GraphqlAnswer>;
}

interface TestServer {
  db: TestDatabase;
  app: App;
  pending: string[];
  createWorkspace: (slug: string, role?: string) => Promise<Caller>;
  createKey: (slug: string, role: string) => Promise<Caller>;
}

export const SECRETS = new Secrets('the secret of the tests, which nobody guesses');
export const PASSWORD = 'correct horse battery staple';

/** An application on a database of its own for the tests of one file. It does not listen. */
export function useServer(
  accounts: Partial<AccountsConfig> = {},
  more: () => {
    captcha?: CaptchaConfig;
    places?: Places;
    presets?: Presets;
    metricsToken?: string;
    resolveTxt?: ResolveTxt;
    files?: AppFiles;
  } = () => ({}),
): TestServer {
  const db = useDatabase();
  const server = { db, pending: [] as string[] } as TestServer;

  beforeAll(async () => {
    server.app = await makeApp({
      pool: db.server,
      serverUrl: db.serverUrl,
      secrets: SECRETS,
      webDirectory: '/nonexistent',
      development: true,
      pendingMigrations: () => Promise.resolve(server.pending),
      accounts: { publicUrl: null, isSignUpOpen: false, isEmailVerificationRequired: false, ...accounts },
      ...more(),
    });
    db.onEnd(() => server.app.stop());
  });

  server.createKey = async (slug, role) => {
    const apiKey = `rv_${randomBytes(32).toString('base64url')}`;
    const hash = createHash('sha256').update(apiKey).digest();
    await db.admin.query(`select core.create_api_key($1, $2, 'test', $3, $4)`, [slug, role, apiKey.slice(0, 8), hash]);
    // A test that asks as fast as it can is not what limits are against.
    await db.admin.query('update core.api_keys set rate_limit = 1000000 where token_hash = $1', [hash]);
    const { rows } = await db.admin.query<{ id: string; schema_name: string }>(
      'select id, schema_name from core.workspaces where slug = $1',
      [slug],
    );
    const send = async (path: string, body: object, headers: Record<string, string> = {}) => {
      const response = await request(server.app.handler)
        .post(path)
        .set({ authorization: `Bearer ${apiKey}`, ...headers })
        .send(body);
      return response.body as GraphqlAnswer;
    };
    return {
      workspaceId: rows[0]!.id,
      schemaName: rows[0]!.schema_name,
      slug,
      apiKey,
      records: (query, variables, headers) => send('/graphql', { query, variables }, headers),
      metadata: (query, variables) => send('/metadata', { query, variables }),
    };
  };
  server.createWorkspace = async (slug, role = 'Admin') => {
    await db.admin.query('select engine.create_workspace($1, $2, $3, $4, $5)', [
      slug,
      slug,
      `owner@${slug}.test`,
      'Olive Owner',
      await hashPassword(PASSWORD),
    ]);
    return server.createKey(slug, role);
  };
  return server;
}

/** The cookies that an answer sets, as a browser would send them back. */
export function cookieOf(response: request.Response): string {
  return (
    response
      .get('Set-Cookie')
      ?.map((cookie) => cookie.split(';')[0]!)
      .join('; ') ?? ''
  );
}

/** Waits for something that happens soon, such as a notice that comes back from the database. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  within = 20_000,
): Promise<T> {
  const deadline = Date.now() + within;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`Did not happen within ${within / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
