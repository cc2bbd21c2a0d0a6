import type { Request, Response } from 'express';
import { DatabaseError } from 'pg';
import { withIdentity } from '../../db/pool.ts';
import { RequestError } from '../errors.ts';
import type { SsoParts } from './begin.ts';
import { findProvider } from './findProvider.ts';
import type { Provider } from './openId.ts';

/** Asks the database, as whoever asks, to do what only those with the permission SECURITY may. */
export async function asKeeper(
  { pool, identities }: Pick<SsoParts, 'pool' | 'identities'>,
  { request, response }: { request: Request; response: Response },
  statement: string,
  values: unknown[],
): Promise<unknown> {
  const identity = await identities.of(request, response);
  try {
    const { rows } = await withIdentity(pool, identity, (client) =>
      client.query<{ answer: unknown }>(`select ${statement} as answer`, values),
    );
    return rows[0]!.answer;
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== '42501') throw error;
    throw new RequestError('FORBIDDEN', { message: error.message, ...(error.hint && { hint: error.hint }) });
  }
}

/** A provider of the workspace of whoever asks, for who may keep it. */
export async function providerOfKeeper(
  parts: Pick<SsoParts, 'pool' | 'identities'>,
  exchange: { request: Request; response: Response },
  id: unknown,
): Promise<Provider> {
  const known = (await asKeeper(parts, exchange, 'metadata.identity_providers()', [])) as { id: string }[];
  if (!known.some((each) => each.id === id)) {
    throw new RequestError('NOT_FOUND', { message: 'The workspace has no such provider.' });
  }
  return findProvider(parts.pool, id);
}
