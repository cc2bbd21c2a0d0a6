import pg from 'pg';

/** A workspace to test in, with what tests ask most. */
export interface Workspace {
  id: string;
  slug: string;
  schema: string;
  owner: string;
  /** The PostgreSQL roles of Admin and Member. */
  adminRole: string;
  memberRole: string;
}

type Queryable = pg.ClientBase | pg.Pool;

export async function createWorkspace(db: Queryable, slug = 'acme'): Promise<Workspace> {
  const owner = `owner@${slug}.example`;
  await db.query('select engine.create_workspace($1, initcap($1), $2)', [slug, owner]);
  const { rows } = await db.query<{ id: string; schema: string }>(
    'select id, schema_name as schema from core.workspaces where slug = $1',
    [slug],
  );
  const { id, schema } = rows[0]!;
  return { id, slug, schema, owner, adminRole: `${schema}_r_1`, memberRole: `${schema}_r_2` };
}

/** Does now what the commit would do, so that a test can look at tables in a transaction that it rolls back. */
export async function reconcile(client: pg.ClientBase) {
  await client.query('set constraints all immediate; set constraints all deferred');
}

export interface Step {
  kind: string;
  object_name: string;
  statement: string;
  lock_level: string | null;
  rewrites: boolean;
  note: string | null;
}

export async function plan(db: Queryable, workspace: Workspace): Promise<Step[]> {
  const { rows } = await db.query<Step>('select * from engine.plan($1) order by step', [workspace.id]);
  return rows;
}

/** The statements that are missing between the model and the tables: none, when all is well. */
export const statements = async (db: Queryable, workspace: Workspace) =>
  (await plan(db, workspace)).map((step) => step.statement);

type Columns = Record<string, unknown>;

/** Inserts a row, objects and arrays of objects as JSON. */
export async function insert(db: Queryable, table: string, values: Columns): Promise<string> {
  const names = Object.keys(values);
  const { rows } = await db.query<{ id: string }>(
    `insert into ${table} (${names.map((name) => pg.escapeIdentifier(name)).join(', ')})
     values (${names.map((_, i) => `$${i + 1}`).join(', ')}) returning id`,
    Object.values(values),
  );
  return rows[0]!.id;
}

/** An object with a text field "name", written the way an administrator in psql writes it. */
export async function addObject(
  db: Queryable,
  workspace: Workspace,
  values: Columns & { label_singular: string; label_plural: string },
): Promise<string> {
  const id = await insert(db, 'metadata.objects', { workspace_id: workspace.id, ...values });
  const label = await addField(db, id, { label: 'Name', type: 'TEXT' });
  await db.query('update metadata.objects set label_field_id = $2 where id = $1', [id, label]);
  return id;
}

/** `default_value` and `options` are given as they are and stored as JSON. */
export async function addField(
  db: Queryable,
  objectId: string,
  { default_value, options, settings, ...values }: Columns & { label: string; type: string },
): Promise<string> {
  return insert(db, 'metadata.fields', {
    object_id: objectId,
    ...values,
    ...(default_value === undefined ? {} : { default_value: JSON.stringify(default_value) }),
    ...(options === undefined ? {} : { options: JSON.stringify(options) }),
    ...(settings === undefined ? {} : { settings: JSON.stringify(settings) }),
  });
}

export async function addRelation(
  db: Queryable,
  objectId: string,
  label: string,
  target: string,
  inverse: { label: string; name?: string; onDelete?: string },
): Promise<{ field: string; relation: string }> {
  const field = await addField(db, objectId, { label, type: 'RELATION' });
  const relation = await insert(db, 'metadata.relations', {
    field_id: field,
    target_object_id: target,
    inverse_label: inverse.label,
    ...(inverse.name === undefined ? {} : { inverse_name: inverse.name }),
    on_delete: inverse.onDelete ?? 'SET_NULL',
  });
  return { field, relation };
}

export async function objectNamed(db: Queryable, workspace: Workspace, name: string): Promise<string> {
  const { rows } = await db.query<{ id: string }>(
    'select id from metadata.objects where workspace_id = $1 and name_singular = $2',
    [workspace.id, name],
  );
  return rows[0]!.id;
}

/** Takes a role for what follows in the transaction, with the tenant's search path. */
export async function act(client: pg.ClientBase, role: string, schema = role.replace(/_r_\d+$/, '')) {
  await client.query(`reset role; set local search_path = ${schema}, public; set local role ${role}`);
}

/** Runs statements that must fail, and goes on with the transaction as it was. */
export async function failure(client: pg.ClientBase, work: () => Promise<unknown>): Promise<pg.DatabaseError> {
  await client.query('savepoint attempt');
  try {
    await work();
  } catch (error) {
    await client.query('rollback to attempt');
    return error as pg.DatabaseError;
  }
  throw new Error('This was expected to fail, and did not.');
}
