import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';
import type { Provider } from './openId.ts';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** A provider by its id; throws NOT_FOUND for what is none. */
export async function findProvider(pool: Pool, id: unknown): Promise<Provider> {
  if (typeof id === 'string' && UUID.test(id)) {
    const { rows } = await pool.query<Provider>('select * from core.provider_to_use($1)', [id]);
    if (rows[0]) return rows[0];
  }
  throw new RequestError('NOT_FOUND', { message: 'There is no such provider.' });
}
