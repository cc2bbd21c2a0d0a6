import pg from 'pg';
import { identitySettings, type Identity } from '../pool.ts';

/**
 * Makes a transaction act for a member, as server/ does for a request. `client` may be the administrator's: that tests
 * grants and policies. Who "current member" is also depends on the login, so tests of that use the server's pool.
 */
export async function becomeMember(
  client: pg.ClientBase,
  workspaceSlug: string,
  email: string,
): Promise<Identity> {
  await client.query('reset role');
  const { rows } = await client.query<Identity>(
    `select r.pg_role as "pgRole", w.schema_name as "schemaName", m.id as "memberId",
            null as "apiKeyId", 'MANUAL' as source
       from core.members m
       join core.users u on u.id = m.user_id
       join core.workspaces w on w.id = m.workspace_id
       join metadata.roles r on r.id = m.role_id
      where w.slug = $1 and lower(u.email) = lower($2)`,
    [workspaceSlug, email],
  );
  const identity = rows[0];
  if (!identity) throw new Error(`The workspace ${workspaceSlug} has no member ${email}.`);
  for (const [name, value] of Object.entries(identitySettings(identity)))
    await client.query('select set_config($1, $2, true)', [name, value]);
  return identity;
}
