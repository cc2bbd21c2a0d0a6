import { beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  addField,
  addObject,
  createWorkspace,
  insert,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

// What the database takes is what a plain model of the rules takes, for random rules and records.
const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

interface Row {
  number: number | null;
  text: string | null;
  list: string[] | null;
  stage: 'OPEN' | 'LOST' | null;
}

type Condition = { field: 'stage'; value: 'OPEN' | 'LOST' } | { field: 'number'; above: number } | null;

interface Rule {
  kind: 'REQUIRED' | 'RANGE' | 'LENGTH' | 'PATTERN' | 'UNIQUE';
  field: keyof Row;
  others: (keyof Row)[];
  settings: { min?: number; max?: number; pattern?: string; ignoreCase?: boolean };
  when: Condition;
}

const applies = (when: Condition, row: Row) =>
  when === null || ('value' in when ? row.stage === when.value : row.number !== null && row.number > when.above);

const isBlank = (value: Row[keyof Row]) =>
  value === null ||
  (typeof value === 'string' ? /^[ \t\r\n]*$/.test(value) : Array.isArray(value) && value.length === 0);

function holds({ kind, field, settings: { min, max, pattern, ignoreCase }, when }: Rule, row: Row): boolean {
  const value = row[field];
  if (!applies(when, row)) return true;
  if (kind === 'REQUIRED') return !isBlank(value);
  if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) return true;
  if (kind === 'PATTERN') return new RegExp(`^(?:${pattern})$`, ignoreCase ? 'isu' : 'su').test(value as string);
  const size = kind === 'RANGE' ? (value as number) : [...(value as string)].length;
  return size >= (min ?? -Infinity) && size <= (max ?? Infinity);
}

/** What two records must not share; null for a record that is like no other. */
function uniqueKey({ field, others, settings, when }: Rule, row: Row): string | null {
  const values = [field, ...others].map((name) => row[name]);
  if (!applies(when, row) || values.some((value) => value === null)) return null;
  return JSON.stringify(
    values.map((value) => (typeof value === 'string' && settings.ignoreCase ? value.toLowerCase() : value)),
  );
}

const word = fc.string({ unit: fc.constantFrom('a', 'B', 'b', '1', ' ', "'", '\\', '%', 'é', '🎉'), maxLength: 4 });
const number = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(0.5, -0.1, 1e9));
const anyRow: fc.Arbitrary<Row> = fc.record({
  number: fc.option(number),
  text: fc.option(word),
  list: fc.option(fc.array(word, { maxLength: 3 })),
  stage: fc.option(fc.constantFrom('OPEN' as const, 'LOST' as const)),
});
// What JavaScript and PostgreSQL read alike.
const patterns = fc
  .array(
    fc.tuple(
      fc.constantFrom('a', 'B', '[a-c]', '[0-9]', '.', "'", '\\\\', '%', '(?:a|b)', '[^a]'),
      fc.constantFrom('', '*', '+', '?', '{1,2}'),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((atoms) => atoms.map(([atom, times]) => atom + times).join(''));
const anyCondition: fc.Arbitrary<Condition> = fc.option(
  fc.oneof(
    fc.record({ field: fc.constant('stage' as const), value: fc.constantFrom('OPEN' as const, 'LOST' as const) }),
    fc.record({ field: fc.constant('number' as const), above: fc.integer({ min: -2, max: 2 }) }),
  ),
);
const bounds = (low: number, high: number) =>
  fc
    .tuple(fc.integer({ min: low, max: high }), fc.nat(3), fc.constantFrom('min', 'max', 'both'))
    .map(([min, more, which]) => ({
      ...(which === 'max' ? {} : { min }),
      ...(which === 'min' ? {} : { max: min + more }),
    }));
const none: fc.Arbitrary<(keyof Row)[]> = fc.constant([]);
const anyRule: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({
    kind: fc.constant('REQUIRED' as const),
    field: fc.constantFrom('number' as const, 'text' as const, 'list' as const),
    others: none,
    settings: fc.constant({}),
    when: anyCondition,
  }),
  fc.record({
    kind: fc.constant('RANGE' as const),
    field: fc.constant('number' as const),
    others: none,
    settings: bounds(-3, 3),
    when: anyCondition,
  }),
  fc.record({
    kind: fc.constant('LENGTH' as const),
    field: fc.constant('text' as const),
    others: none,
    settings: bounds(0, 3),
    when: anyCondition,
  }),
  fc.record({
    kind: fc.constant('PATTERN' as const),
    field: fc.constant('text' as const),
    others: none,
    settings: fc.record({ pattern: patterns, ignoreCase: fc.boolean() }),
    when: anyCondition,
  }),
  fc.record({
    kind: fc.constant('UNIQUE' as const),
    field: fc.constant('text' as const),
    others: fc.subarray(['number', 'stage'] as (keyof Row)[]),
    settings: fc.record({ ignoreCase: fc.boolean() }),
    when: anyCondition,
  }),
);

async function isTaken(client: pg.ClientBase, row: Row): Promise<boolean> {
  await client.query('savepoint record');
  try {
    await client.query(`insert into ${ws.schema}.things (number, text, list, stage) values ($1, $2, $3, $4)`, [
      row.number,
      row.text,
      row.list,
      row.stage,
    ]);
    await client.query('release record');
    return true;
  } catch (error) {
    expect(['23514', '23505']).toContain((error as pg.DatabaseError).code);
    await client.query('rollback to record');
    return false;
  }
}

test('random rules over random records', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRule, { minLength: 1, maxLength: 3 }),
      fc.array(anyRow, { minLength: 1, maxLength: 12 }),
      (rules, rows) =>
        db.inTransaction(async (client) => {
          const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
          const fields = {
            number: await addField(client, object, { label: 'Number', type: 'NUMBER' }),
            text: await addField(client, object, { label: 'Text', type: 'TEXT' }),
            list: await addField(client, object, { label: 'List', type: 'ARRAY' }),
            stage: await addField(client, object, {
              label: 'Stage',
              type: 'SELECT',
              options: [
                { value: 'OPEN', label: 'Open' },
                { value: 'LOST', label: 'Lost' },
              ],
            }),
          };
          const ids: string[] = [];
          for (const { kind, field, others, settings, when } of rules)
            ids.push(
              await insert(client, 'metadata.rules', {
                object_id: object,
                kind,
                field_id: kind === 'UNIQUE' ? null : fields[field],
                settings: JSON.stringify(
                  kind === 'UNIQUE'
                    ? { ...settings, fieldIds: [field, ...others].map((name) => fields[name]) }
                    : settings,
                ),
                condition:
                  when === null ? null : 'value' in when ? `stage = "${when.value}"` : `number > ${when.above}`,
              }),
            );
          await reconcile(client);
          expect(await statements(client, ws)).toEqual([]);
          const kept: Row[] = [];
          for (const one of rows) {
            const expected = rules.every((rule) =>
              rule.kind === 'UNIQUE'
                ? uniqueKey(rule, one) === null ||
                  !kept.some((other) => uniqueKey(rule, other) === uniqueKey(rule, one))
                : holds(rule, one),
            );
            expect({ rules, one, isTaken: await isTaken(client, one) }).toEqual({ rules, one, isTaken: expected });
            if (expected) kept.push(one);
          }
          // And what is listed beforehand is what the constraint refuses.
          await client.query('update metadata.rules set is_active = false where object_id = $1', [object]);
          await reconcile(client);
          await client.query(`truncate ${ws.schema}.things`);
          for (const one of rows) await isTaken(client, one);
          for (const [i, id] of ids.entries()) {
            const found = await client.query(
              'select engine.rule_breakers(r) as found from metadata.rules r where id = $1',
              [id],
            );
            const rule = rules[i]!;
            const keys = rows.map((one) => uniqueKey(rule, one));
            const breaking = rows.filter((one, n) =>
              rule.kind === 'UNIQUE'
                ? keys[n] !== null && keys.filter((key) => key === keys[n]).length > 1
                : !holds(rule, one),
            );
            expect(found.rows[0].found.count).toBe(breaking.length);
          }
        }),
    ),
    { numRuns: 25 },
  );
}, 240_000);

const ugly = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    "'); drop schema metadata cascade; --",
    '$$',
    '%s %I',
    '\\',
    '"',
    "it's",
    'x'.repeat(600),
    '***=',
    '(?i)a',
    '(',
    '[',
    'a{99999}',
    '\u0000',
  ),
);

test('patterns, names and settings of any kind are taken or refused in words', async () => {
  await fc.assert(
    fc.asyncProperty(ugly, ugly, fc.jsonValue(), (pattern, name, value) =>
      db.inTransaction(async (client) => {
        const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
        const text = await addField(client, object, { label: 'Text', type: 'TEXT' });
        const attempts: (() => Promise<unknown>)[] = [
          () =>
            insert(client, 'metadata.rules', {
              object_id: object,
              field_id: text,
              kind: 'PATTERN',
              settings: JSON.stringify({ pattern }),
              message: name,
            }),
          () =>
            insert(client, 'metadata.rules', {
              object_id: object,
              field_id: text,
              kind: 'LENGTH',
              settings: JSON.stringify({ min: value, max: value }),
            }),
          () =>
            insert(client, 'metadata.rules', {
              object_id: object,
              kind: 'UNIQUE',
              settings: JSON.stringify({ fieldIds: value }),
            }),
          () => insert(client, 'metadata.rules', { object_id: object, kind: 'CONDITION', condition: pattern }),
          () =>
            insert(client, 'metadata.indexes', { object_id: object, name, parts: JSON.stringify([{ fieldId: text }]) }),
          () => insert(client, 'metadata.indexes', { object_id: object, name: 'x', parts: JSON.stringify(value) }),
          () => addField(client, object, { label: 'Other', type: 'ARRAY', settings: { maxNumberOfValues: value } }),
          () =>
            addField(client, object, {
              label: 'Choice',
              type: 'SELECT',
              options: [{ value: 'A', label: name, color: 'red' }],
            }),
          () => addField(client, object, { label: 'Free', type: 'SELECT', options: [value] }),
        ];
        for (const attempt of attempts) {
          await client.query('savepoint attempt');
          try {
            await attempt();
            await client.query('release attempt');
          } catch (error) {
            // Ours; or what PostgreSQL says of texts that are none, and of columns that say no themselves.
            expect((error as pg.DatabaseError).code).toMatch(/^RV|^2202[15]$|^22P05$|^23514$|^23502$/);
            await client.query('rollback to attempt');
          }
        }
        await reconcile(client);
        expect(await statements(client, ws)).toEqual([]);
        await client.query(`insert into ${ws.schema}.things (name) values ('still here')`);
      }),
    ),
    { numRuns: 60 },
  );
}, 240_000);
