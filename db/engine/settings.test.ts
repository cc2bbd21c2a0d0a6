import { beforeAll, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { useDatabase } from '../testing/database.ts';
import {
  addField,
  addObject,
  createWorkspace,
  failure,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

const options = [{ value: 'NEW', label: 'New', color: 'blue' }];

test.each<[string, string, object, RegExp, string]>([
  ['an unknown setting', 'TEXT', { settings: { searchble: true } }, /no setting "searchble"/, 'RV084'],
  ['a setting of another type', 'BOOLEAN', { settings: { decimals: 2 } }, /no setting "decimals"/, 'RV084'],
  [
    'a setting of the wrong kind',
    'TEXT',
    { settings: { searchable: 'yes' } },
    /no value of the setting "searchable"/,
    'RV084',
  ],
  ['a number out of range', 'ARRAY', { settings: { maxNumberOfValues: 0 } }, /no value of the setting/, 'RV084'],
  ['a number with a fraction', 'NUMBER', { settings: { decimals: 1.5 } }, /no value of the setting/, 'RV084'],
  ['a choice that is none', 'NUMBER', { settings: { dataType: 'decimal' } }, /no value of the setting/, 'RV084'],
  [
    'parts that are none',
    'ADDRESS',
    { settings: { subFields: ['city', 'planet'] } },
    /no value of the setting/,
    'RV084',
  ],
  ['a prefix too long', 'AUTO_NUMBER', { settings: { prefix: 'ü'.repeat(11) } }, /no value of the setting/, 'RV084'],
  [
    'a colour beyond the palette',
    'SELECT',
    { options: [{ ...options[0], color: 'magenta' }] },
    /no colour "magenta"/,
    'RV009',
  ],
  ['an option without a label', 'SELECT', { options: [{ value: 'A', label: ' ' }] }, /needs a label/, 'RV009'],
  ['a label too long', 'SELECT', { options: [{ value: 'A', label: '語'.repeat(67) }] }, /needs a label/, 'RV009'],
  [
    'two options alike',
    'SELECT',
    { options: [...options, { value: 'NEU', label: ' new', color: 'red' }] },
    /have the label/,
    'RV009',
  ],
  ['an option with something else', 'SELECT', { options: [{ ...options[0], colour: 'red' }] }, /no "colour"/, 'RV009'],
  ['a default colour by name', 'COLOR', { default_value: 'red' }, /does not fit/, 'RV009'],
  ['a default place off the globe', 'LOCATION', { default_value: { lat: 91 } }, /does not fit/, 'RV009'],
  ['a default currency in words', 'CURRENCY', { default_value: { currencyCode: 'euro' } }, /does not fit/, 'RV009'],
  ['a default of a counter', 'AUTO_NUMBER', { default_value: 7 }, /no default value/, 'RV009'],
  ['a default percentage in words', 'PERCENT', { default_value: '5 %' }, /does not fit/, 'RV009'],
  ['a default duration with a fraction', 'DURATION', { default_value: 1.5 }, /does not fit/, 'RV009'],
  ['a default member by name', 'MEMBER', { default_value: 'Ann' }, /does not fit/, 'RV009'],
  [
    'a default list too long',
    'ARRAY',
    { settings: { maxNumberOfValues: 1 }, default_value: ['a', 'b'] },
    /does not fit/,
    'RV009',
  ],
])('refused: %s', (_, type, values, message, code) =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const error = await failure(client, () => addField(client, object, { label: 'F', type, ...values }));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  }),
);

test('defaults of the new types', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const fields: [string, string, unknown][] = [
      ['Paint', 'COLOR', '#00ff00'],
      ['Share', 'PERCENT', 0.25],
      ['Time', 'DURATION', 5400],
      ['Place', 'LOCATION', { lat: 59.3, lng: 18.1 }],
      ['Who', 'MEMBER', 'currentMember'],
    ];
    for (const [label, type, value] of fields) await addField(client, object, { label, type, default_value: value });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    const { rows } = await client.query(`insert into ${ws.schema}.things default values returning *`);
    expect(rows[0]).toMatchObject({
      paint: '#00ff00',
      share: 0.25,
      time: '5400',
      place_lat: 59.3,
      place_lng: 18.1,
      who_id: null,
    });
  }));

test('each setting of the standard objects is one that its type has', async () => {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../standard/manifest.json'), 'utf8'));
  for (const object of manifest.objects)
    for (const field of object.fields) {
      await db.admin.query(
        `select engine.assert_settings(jsonb_populate_record(null::metadata.fields, $1)), engine.assert_options($2)`,
        [JSON.stringify({ type: field.type, settings: field.settings }), JSON.stringify(field.options)],
      );
    }
});

test('the nearest name of a setting is offered', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const error = await failure(client, () =>
      addField(client, object, { label: 'F', type: 'NUMBER', settings: { datatype: 'int' } }),
    );
    expect(error).toMatchObject({ code: 'RV084', hint: 'Did you mean "dataType"?' });
  }));
