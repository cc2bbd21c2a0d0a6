import type { ClientBase } from 'pg';

/**
 * What functions cannot do that run as the owner: which role a login takes when it connects is said by who has become the
 * owner. Committed before sessions of before are ended, so that those who come back find it. Leaves the connection as the
 * one that it was, if nothing fails. Returns how many logins have gone.
 */
export async function settleDatabaseLogins(client: ClientBase): Promise<number> {
  await client.query('set role relvar_owner');
  await client.query('select core.set_login_roles()');
  const { rows } = await client.query<{ count: number }>('select core.tidy_database_logins() as count');
  await client.query('reset role');
  return rows[0]!.count;
}
