import { randomBytes } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Secrets } from '../../db/secrets.ts';
import { AccessTokens } from '../auth/accessTokens.ts';
import { Identities } from '../auth/identity.ts';
import { RateLimits } from '../auth/rateLimits.ts';
import { Refusals } from '../auth/refusals.ts';
import { SigningKeys } from '../auth/signingKeys.ts';
import { hashToken } from '../auth/tokenHash.ts';
import { createPool } from '../../db/pool.ts';
import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';

const REQUESTS = 20_000;

/** The time that finding out who asks adds to a request, beside doing nothing; over ten seconds and more, lookups included. */
export const authRequest: Bench = {
  name: 'auth.request',
  compares: 'authentication of a request by cookie and by API key, against none (milliseconds added, median)',
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    const pool = createPool({ connectionString: database.serverUrl, applicationName: 'relvar bench', max: 2 });
    try {
      const tokens = new AccessTokens(new SigningKeys(pool, new Secrets(randomBytes(32).toString('hex'))));
      const identities = new Identities({
        pool,
        tokens,
        refusals: new Refusals(pool),
        rateLimits: new RateLimits(pool),
        publicUrl: null,
        onResolved: () => {},
      });
      const session = await beginSession(database, workspace);
      const cookie = `relvar_access=${await tokens.sign(session)}`;
      const authorization = `Bearer ${await database.apiKey(workspace.slug)}`;
      await database.admin.query('update core.api_keys set rate_limit = 1000000');
      const identify = (headers: Record<string, string>) => async () => {
        const request = new IncomingMessage(new Socket());
        Object.assign(request.headers, headers);
        request.method = 'POST';
        await identities.of(request, new ServerResponse(request));
      };
      const nothing = async () => {
        const request = new IncomingMessage(new Socket());
        request.method = 'POST';
        await new ServerResponse(request).statusCode;
      };
      const base = await median(nothing);
      const byCookie = await median(identify({ cookie }));
      const byKey = await median(identify({ authorization }));
      const first = await firstTime(tokens, session);
      return {
        value: Math.max(byCookie, byKey) - base,
        unit: 'ms',
        bound: 0.3,
        detail: { nothing: base, byCookie: byCookie - base, byKey: byKey - base, firstSightOfToken: first },
      };
    } finally {
      await pool.end();
    }
  },
};

async function beginSession({ admin }: BenchDatabase, { slug }: Workspace) {
  const { rows } = await admin.query<{ userId: string; workspaceId: string; sessionId: string }>(
    `select m.user_id as "userId", m.workspace_id as "workspaceId",
       core.create_session(m.user_id, m.workspace_id, 'PASSWORD', $2, now() + '1 day', now() + '1 day') as "sessionId"
     from core.members m join core.workspaces w on w.id = m.workspace_id where w.slug = $1 limit 1`,
    [slug, hashToken(randomBytes(32).toString('hex'))],
  );
  return rows[0]!;
}

async function median(work: () => Promise<void>): Promise<number> {
  const times = new Float64Array(REQUESTS);
  for (let i = 0; i < REQUESTS; i += 1) {
    const start = performance.now();
    await work();
    times[i] = performance.now() - start;
  }
  return times.sort()[REQUESTS / 2]!;
}

/** What a token costs that was not seen before: its signature is verified. */
async function firstTime(
  tokens: AccessTokens,
  session: { userId: string; workspaceId: string; sessionId: string },
): Promise<number> {
  const fresh = await Promise.all(Array.from({ length: 50 }, () => tokens.sign(session)));
  const start = performance.now();
  for (const token of fresh) await tokens.verify(token);
  return (performance.now() - start) / fresh.length;
}
