import type { Express, Request } from 'express';
import type { Pool } from 'pg';
import { hasOwnAddresses } from '../../../db/workspaceAddress.ts';
import { RequestError } from '../../errors.ts';
import { slugOfRequest } from '../../http/origin.ts';
import { assertPasswordOf, countLink, refuseLink } from '../account/accounts.ts';
import type { AccountParts } from '../account/accounts.ts';
import { answerQuietly, readEmail } from '../mailRequests.ts';
import type { Passkeys } from '../passkeys/passkeys.ts';
import { assertNewPassword, hashPassword } from '../passwords.ts';
import { assertOwnHost, readTexts } from '../requestFields.ts';

interface Way {
  /** The address that is proved, by the mail that the link came with. */
  email?: string;
  account?: 'NONE' | 'WITH_PASSWORD' | 'WITHOUT_PASSWORD';
  invitedBy?: string;
  workspaces: { slug: string; name: string }[];
}

interface Joined {
  user_id: string;
  workspace_id: string;
}

/** The ways in for people who are no members yet. The database decides what each opens, and with which role. */
export function installSignUp(app: Express, parts: AccountParts & { passkeys: Passkeys; showsMail: boolean }): void {
  const { pool, identities, attempts, startSession, accounts, captcha } = parts;
  const origin = (request: Request) => [request.ip ?? null, request.headers['user-agent'] ?? null];

  /** The first user of an instance needs nobody's leave. */
  const mayMakeWorkspace = async (): Promise<boolean> => {
    if (accounts.isSignUpOpen) return true;
    const { rows } = await pool.query<{ has_users: boolean }>('select core.has_users()');
    return !rows[0]!.has_users;
  };

  app.get('/auth/options', async (request, response) => {
    response.setHeader('cache-control', 'no-store');
    response.json({
      maySignUp: await mayMakeWorkspace(),
      ...(await addressOptions(pool, request, accounts.publicUrl)),
      mustProveEmail: accounts.isEmailVerificationRequired,
      showsMail: parts.showsMail,
      captcha: captcha.site,
      hasPasskeys: parts.passkeys.partyOf(request) !== null,
    });
  });

  app.post('/auth/sign-up/request', async (request, response) => {
    identities.assertSameOrigin(request);
    await assertOwnHost(pool, request, accounts.publicUrl);
    const { email: given, link, captcha: answer } = await readTexts(pool, request, ['email'], ['link', 'captcha']);
    const email = readEmail(given);
    await captcha.assert(request, answer);
    await answerQuietly(parts, { request, response, kind: 'sign-up', email }, () =>
      pool.query('select core.request_sign_up($1, $2, $3, $4, $5)', [
        email,
        link ?? null,
        ...origin(request),
        request.acceptsLanguages()[0],
      ]),
    );
  });

  const look = async (request: Request, { invitation, link, token }: Ways): Promise<Way> => {
    await countLink(attempts, request);
    const [from, text] =
      invitation !== undefined
        ? ['core.look_at_invitation', invitation]
        : link !== undefined
          ? ['core.look_at_invite_link', link]
          : ['core.look_at_sign_up', token!];
    const { rows } = await pool.query<{ way: Way | null }>(`select ${from}($1) as way`, [text]);
    return rows[0]?.way ?? refuseLink(pool, request, text);
  };

  app.post('/auth/sign-up/look', async (request, response) => {
    identities.assertSameOrigin(request);
    const ways = await readTexts(pool, request, [], ['invitation', 'link', 'token']);
    assertOneWay(ways);
    const way = await look(request, ways);
    response.setHeader('cache-control', 'no-store');
    response.json({ ...way, maySignUp: ways.token !== undefined && (await mayMakeWorkspace()) });
  });

  app.post('/auth/sign-up', async (request, response) => {
    identities.assertSameOrigin(request);
    await assertOwnHost(pool, request, accounts.publicUrl);
    const given = await readTexts(pool, request, ['password'], SIGN_UP_FIELDS);
    const { invitation, link, token } = given;
    const isNew = given.newWorkspace !== undefined;
    if (isNew && !(await mayMakeWorkspace())) throw new RequestError('SIGN_UP_CLOSED');
    if (!isNew || token !== undefined) assertOneWay(given);

    const way = isNew && token === undefined ? undefined : await look(request, given);
    const email = way?.email ?? readEmail(given.email ?? '');
    const isProved = way?.email !== undefined;
    if (!isProved && accounts.isEmailVerificationRequired) throw new RequestError('EMAIL_NOT_VERIFIED');
    // A mailbox was proved by a person, who was asked before the mail was sent.
    if (!isProved) await captcha.assert(request, given.captcha);
    if (!isProved) await attempts.count({ key: `sign-up ${request.ip ?? ''}`, max: 20, seconds: 3_600 });

    const { userId: proved, passwordHash } = await prove(request, { email, password: given.password, way });
    const name = (given.name ?? '').trim().slice(0, 200) || email.split('@')[0]!;
    const from = origin(request);
    const { rows } =
      invitation !== undefined
        ? await pool.query<Joined>('select * from core.accept_invitation($1, $2, $3, $4, $5, $6)', [
            invitation,
            name,
            passwordHash,
            proved,
            ...from,
          ])
        : link !== undefined
          ? await pool.query<Joined>('select * from core.join_by_link($1, $2, $3, $4, $5, $6, $7)', [
              link,
              email,
              name,
              passwordHash,
              proved,
              ...from,
            ])
          : token !== undefined
            ? await pool.query<Joined>('select * from core.sign_up($1, $2, $3, $4, $5, $6, $7, $8)', [
                token,
                name,
                passwordHash,
                proved,
                given.workspace ?? '',
                given.newWorkspace ?? null,
                ...from,
              ])
            : await pool.query<Joined>('select * from core.make_workspace($1, $2, $3, $4, $5, $6, false, $7, $8)', [
                email,
                name,
                passwordHash,
                proved,
                given.workspace ?? '',
                given.newWorkspace,
                ...from,
              ]);
    const [joined] = rows;
    if (!joined) return refuseLink(pool, request, invitation ?? link ?? token ?? '');
    const { user_id: userId, workspace_id: workspaceId } = joined;
    const method = invitation === undefined ? 'SIGN_UP' : 'INVITATION';
    return startSession(request, response, { userId, workspaceId, method });
  });

  /** An account that has a password is entered with it; who has none sets one. */
  const prove = async (
    request: Request,
    { email, password, way }: { email: string; password: string; way: Way | undefined },
  ): Promise<{ userId: string | null; passwordHash: string | null }> => {
    const isKnown = way?.account === 'WITH_PASSWORD' || (way?.email === undefined && (await hasAccount(email)));
    if (isKnown) return { userId: await assertPasswordOf(parts, request, email, password), passwordHash: null };
    assertNewPassword(password);
    return { userId: null, passwordHash: await hashPassword(password) };
  };

  const hasAccount = async (email: string): Promise<boolean> => {
    const { rowCount } = await pool.query('select from core.account_of($1)', [email]);
    return rowCount === 1;
  };
}

const SIGN_UP_FIELDS = [
  'invitation',
  'link',
  'token',
  'email',
  'name',
  'workspace',
  'newWorkspace',
  'captcha',
] as const;

interface Ways {
  invitation?: string | undefined;
  link?: string | undefined;
  token?: string | undefined;
}

function assertOneWay({ invitation, link, token }: Ways): void {
  if ([invitation, link, token].filter((way) => way !== undefined).length === 1) return;
  throw new RequestError('INVALID_REQUEST', { message: 'Send one of "invitation", "link" and "token".' });
}

/** Which workspace the address names, where addresses name one: null for one that there is not. */
async function addressOptions(pool: Pool, request: Request, publicUrl: string | null): Promise<object> {
  const slug = slugOfRequest(request, publicUrl);
  if (slug === null) return hasOwnAddresses(publicUrl) ? { addresses: publicUrl } : {};
  const { rows } = await pool.query<{ name: string }>('select name from core.workspace_at($1)', [slug]);
  return { workspace: rows[0] ? { slug, name: rows[0].name } : null };
}
