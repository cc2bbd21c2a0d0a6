import { beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { addField, addObject, createWorkspace, reconcile, statements, type Workspace } from '../testing/workspace.ts';

// Whatever people do to a model, in whatever order: afterwards the plan is empty, and the tables are
// those that would have come of the final model at once.
const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

const words = ['alpha', 'beta', 'gamma', 'select', 'user'];
const word = fc.constantFrom(...words);
const label = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
    fc.constantFrom("'; drop schema core; --", '"', '\\', '🎉', '@behavior -*', '%I %s $1 $$'),
  )
  // PostgreSQL's text holds every character but this one.
  .map((text) => text.replaceAll('\u0000', '') || 'x');
const type = fc.constantFrom(
  'TEXT',
  'NUMBER',
  'DATE',
  'CURRENCY',
  'SELECT',
  'FULL_NAME',
  'RELATION',
  'RAW_JSON',
  'BOOLEAN',
);

const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('addObject' as const), name: word, label }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('addField' as const),
      object: fc.nat(),
      name: word,
      label,
      type,
      unique: fc.boolean(),
      value: label,
    }),
  },
  fc.record({ do: fc.constant('renameObject' as const), object: fc.nat(), name: word, label }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('renameField' as const), field: fc.nat(), name: word, label }) },
  fc.record({ do: fc.constant('switchObject' as const), object: fc.nat() }),
  fc.record({ do: fc.constant('switchField' as const), field: fc.nat() }),
  fc.record({ do: fc.constant('switchSearch' as const), object: fc.nat() }),
  fc.record({ do: fc.constant('deleteObject' as const), object: fc.nat() }),
  fc.record({ do: fc.constant('deleteField' as const), field: fc.nat() }),
  fc.record({ do: fc.constant('commit' as const) }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

const ids = async (client: pg.ClientBase, sql: string) =>
  (await client.query<{ id: string }>(sql, [ws.id])).rows.map((row) => row.id);

async function make(client: pg.ClientBase, step: Change) {
  const objects = await ids(
    client,
    'select id from metadata.objects where workspace_id = $1 and application_id is null order by id',
  );
  const fields = await ids(
    client,
    `select f.id from metadata.fields f join metadata.objects o on o.id = f.object_id where f.workspace_id = $1 and f.application_id is null and not f.is_system and f.id is distinct from o.label_field_id order by f.id`,
  );
  const object = 'object' in step ? objects[step.object % objects.length] : undefined;
  const field = 'field' in step ? fields[step.field % fields.length] : undefined;
  if (('object' in step && !object) || ('field' in step && !field)) return;
  switch (step.do) {
    case 'commit':
      return reconcile(client);
    case 'addObject':
      return addObject(client, ws, {
        name_singular: step.name,
        name_plural: `${step.name}s`,
        label_singular: step.label,
        label_plural: step.label,
        description: step.label,
      });
    case 'addField': {
      const values = {
        name: step.name,
        label: step.label,
        description: step.label,
        type: step.type,
        is_unique: step.unique,
      };
      const extra = {
        TEXT: { default_value: step.value },
        RAW_JSON: { default_value: { [step.value]: [step.value] } },
        FULL_NAME: { default_value: { firstName: step.value } },
        SELECT: { options: [{ value: 'A', label: step.value }] },
      };
      const id = await addField(client, object!, { ...values, ...extra[step.type as keyof typeof extra] });
      if (step.type === 'RELATION')
        await client.query(
          'insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name) values ($1, $2, $3, $4)',
          [id, objects[(step.object % 2) % objects.length], step.label, `${step.name}Of`],
        );
      return;
    }
    case 'renameObject':
      return client.query(
        'update metadata.objects set name_singular = $2, name_plural = $3, label_singular = $4 where id = $1',
        [object, step.name, `${step.name}s`, step.label],
      );
    case 'renameField':
      return client.query('update metadata.fields set name = $2, label = $3 where id = $1', [
        field,
        step.name,
        step.label,
      ]);
    case 'switchObject':
      return client.query('update metadata.objects set is_active = not is_active where id = $1', [object]);
    case 'switchField':
      return client.query('update metadata.fields set is_active = not is_active where id = $1', [field]);
    case 'switchSearch':
      return client.query('update metadata.objects set is_searchable = not is_searchable where id = $1', [object]);
    case 'deleteObject':
      return client.query('delete from metadata.objects where id = $1', [object]);
    case 'deleteField':
      return client.query('delete from metadata.fields where id = $1', [field]);
  }
}

test(
  'random sequences of changes end where the final model alone would have led',
  () =>
    fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 4, maxLength: 16 }), (changes) =>
        db.inTransaction(async (client) => {
          for (const step of changes) {
            await client.query('savepoint step');
            try {
              await make(client, step);
            } catch (error) {
              // Refused with a reason is a fine answer, also to a change that only the commit can judge; a crash is not.
              const { code, message } = error as pg.DatabaseError;
              if (!code?.startsWith('RV0')) throw new Error(`${step.do}: ${code} ${message}`, { cause: error });
              await client.query('rollback to step');
            }
          }
          await reconcile(client);
          expect(await statements(client, ws)).toEqual([]);

          const shape = async () => (await client.query('select engine.shape($1) as shape', [ws.schema])).rows[0].shape;
          const grown = await shape();
          // The same model, built at once in a schema that was emptied.
          await client.query(
            `drop schema ${ws.schema} cascade; drop role ${ws.adminRole}, ${ws.memberRole}, ${ws.schema}_r_3; drop role ${ws.schema}`,
          );
          await client.query('select engine.apply($1)', [ws.id]);
          expect(await statements(client, ws)).toEqual([]);
          expect(await shape()).toBe(grown);
        }),
      ),
      { numRuns: Number(process.env.RELVAR_TEST_RUNS ?? 12) },
    ),
  120_000,
);
