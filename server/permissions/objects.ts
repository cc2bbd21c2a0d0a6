import type { Random } from './random.ts';

/** A value as it lies in a column, in the form in which PostgreSQL writes it as JSON. */
export type Cell = string | number | boolean | readonly string[] | null;

/** How a record rule may compare a field. */
export type Kind = 'text' | 'select' | 'number' | 'money' | 'boolean' | 'date' | 'time' | 'member' | 'record' | 'none';

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly kind: Kind;
  readonly columns: readonly string[];
  /** Of a relation: the object that it leads to; workspaceMember for members. */
  readonly target?: string;
  /** What the field that leads back is called. */
  readonly inverse?: string;
  readonly options?: readonly string[];
  readonly isUnique?: true;
  readonly isSearchable?: true;
  /** Of a computed field: what it is made of, as object.field, and how. */
  readonly madeOf?: readonly string[];
  readonly expression?: string;
  readonly rollup?: { readonly aggregate: string; readonly over: string; readonly field?: string };
  /** Values of the columns of a new record, in their order. */
  readonly values?: (random: Random, number: number) => readonly Cell[];
}

export interface ObjectPlan {
  readonly name: string;
  readonly plural: string;
  readonly label: string;
  readonly labelPlural: string;
  readonly isPrivate?: true;
  readonly records: number;
  readonly fields: readonly Field[];
  /** Fields of which equal values make two records alike. */
  readonly duplicates?: string;
}

const WORDS = ['amber', 'birch', 'cedar', 'delta', 'ember', 'fjord', 'grove', 'haven'];
const maybe = (random: Random, value: () => Cell): Cell => (random.chance(0.2) ? null : value());

const text = (name: string, label: string, more: Partial<Field> = {}): Field => ({
  name,
  label,
  type: 'TEXT',
  kind: 'text',
  columns: [name],
  ...more,
});
/** What a record is called: a word that several share, and a number that is its own. */
const called = (prefix: string): Field =>
  text('name', 'Name', { values: (random, number) => [`${random.pick(WORDS)} ${prefix}${number}`] });
const select = (name: string, label: string, options: readonly string[]): Field => ({
  name,
  label,
  type: 'SELECT',
  kind: 'select',
  columns: [name],
  options,
  values: (random) => [maybe(random, () => random.pick(options))],
});
const number = (name: string, label: string): Field => ({
  name,
  label,
  type: 'NUMBER',
  kind: 'number',
  columns: [name],
  values: (random) => [maybe(random, () => random.below(12))],
});
const flag = (name: string, label: string): Field => ({
  name,
  label,
  type: 'BOOLEAN',
  kind: 'boolean',
  columns: [name],
  values: (random) => [maybe(random, () => random.chance(0.5))],
});
const relation = (name: string, label: string, target: string, inverse: string): Field => ({
  name,
  label,
  type: 'RELATION',
  kind: target === 'workspaceMember' ? 'member' : 'record',
  columns: [`${name}_id`],
  target,
  inverse,
});
const formula = (name: string, label: string, column: string, expression: string, madeOf: string[]): Field => ({
  name,
  label,
  type: 'FORMULA',
  kind: 'none',
  columns: [column],
  expression,
  madeOf,
});

/** Days far from today, so that no test turns over at midnight. */
const DAYS = ['1999-05-05', '2011-11-11', '2020-02-29', '2098-01-01'];

/** The objects of the workspace: relations within and between them, what is computed near and far, and one that is private. */
export const OBJECTS: readonly ObjectPlan[] = [
  {
    name: 'zone',
    plural: 'zones',
    label: 'Zone',
    labelPlural: 'Zones',
    records: 8,
    fields: [called('zo'), select('tier', 'Tier', ['LOW', 'MID', 'TOP']), number('budget', 'Budget')],
  },
  {
    name: 'client',
    plural: 'clients',
    label: 'Client',
    labelPlural: 'Clients',
    records: 45,
    duplicates: 'status',
    fields: [
      called('cl'),
      select('status', 'Status', ['LEAD', 'OPEN', 'LOST']),
      {
        name: 'worth',
        label: 'Worth',
        type: 'CURRENCY',
        kind: 'money',
        columns: ['worth_amount_micros', 'worth_currency_code'],
        values: (random) => (random.chance(0.2) ? [null, null] : [random.below(12) * 1_000_000, 'EUR']),
      },
      number('score', 'Score'),
      flag('vip', 'VIP'),
      {
        name: 'since',
        label: 'Since',
        type: 'DATE',
        kind: 'date',
        columns: ['since'],
        values: (random) => [maybe(random, () => random.pick(DAYS))],
      },
      text('memo', 'Memo', {
        isSearchable: true,
        values: (random, n) => [random.chance(0.15) ? '' : maybe(random, () => `${random.pick(WORDS)} memo${n}`)],
      }),
      text('phrase', 'Phrase', { isUnique: true, values: (_random, n) => [`phrase${n}`] }),
      {
        name: 'topics',
        label: 'Topics',
        type: 'MULTI_SELECT',
        kind: 'none',
        columns: ['topics'],
        options: ['ART', 'BIO', 'CAR'],
        values: (random) => [random.some(['ART', 'BIO', 'CAR'], 0.4)],
      },
      relation('keeper', 'Keeper', 'workspaceMember', 'Kept clients'),
      relation('zone', 'Zone', 'zone', 'Clients'),
      formula('grade', 'Grade', 'grade', 'score * 2', ['client.score']),
      formula('zoneBudget', 'Zone budget', 'zone_budget', 'zone.budget', ['client.zone', 'zone.budget']),
      {
        name: 'jobCount',
        label: 'Job count',
        type: 'ROLLUP',
        kind: 'none',
        columns: ['job_count'],
        madeOf: ['job.client'],
        rollup: { aggregate: 'COUNT', over: 'job.client' },
      },
      {
        name: 'jobHours',
        label: 'Job hours',
        type: 'ROLLUP',
        kind: 'none',
        columns: ['job_hours'],
        madeOf: ['job.client', 'job.hours'],
        rollup: { aggregate: 'SUM', over: 'job.client', field: 'job.hours' },
      },
    ],
  },
  {
    name: 'job',
    plural: 'jobs',
    label: 'Job',
    labelPlural: 'Jobs',
    records: 60,
    fields: [
      called('jo'),
      select('state', 'State', ['TODO', 'BUSY', 'DONE']),
      number('hours', 'Hours'),
      flag('urgent', 'Urgent'),
      {
        name: 'due',
        label: 'Due',
        type: 'DATE_TIME',
        kind: 'time',
        columns: ['due'],
        values: (random) => [maybe(random, () => `${random.pick(DAYS)}T12:00:00+00:00`)],
      },
      relation('client', 'Client', 'client', 'Jobs'),
      relation('assignee', 'Assignee', 'workspaceMember', 'Jobs'),
      relation('parent', 'Parent', 'job', 'Children'),
      formula('shout', 'Shout', 'shout', 'upper(name)', ['job.name']),
    ],
  },
  {
    name: 'sticker',
    plural: 'stickers',
    label: 'Sticker',
    labelPlural: 'Stickers',
    records: 10,
    fields: [called('st'), select('colour', 'Colour', ['RED', 'BLUE'])],
  },
  {
    name: 'diary',
    plural: 'diaries',
    label: 'Diary',
    labelPlural: 'Diaries',
    isPrivate: true,
    records: 30,
    fields: [
      called('di'),
      text('entry', 'Entry', { isSearchable: true, values: (random, n) => [`${random.pick(WORDS)} entry${n}`] }),
      relation('client', 'Client', 'client', 'Diaries'),
    ],
  },
];

/** What the engine keeps of every record, as far as rules name it. */
export const SYSTEM_FIELDS: readonly Field[] = [
  { name: 'id', label: 'Id', type: 'UUID', kind: 'none', columns: ['id'] },
  { name: 'position', label: 'Position', type: 'POSITION', kind: 'none', columns: ['position'] },
  { name: 'createdAt', label: 'Created at', type: 'DATE_TIME', kind: 'none', columns: ['created_at'] },
  { name: 'updatedAt', label: 'Updated at', type: 'DATE_TIME', kind: 'none', columns: ['updated_at'] },
  {
    name: 'createdBy',
    label: 'Created by',
    type: 'ACTOR',
    kind: 'none',
    columns: ['created_by_source', 'created_by_member_id', 'created_by_name'],
  },
  {
    name: 'updatedBy',
    label: 'Updated by',
    type: 'ACTOR',
    kind: 'none',
    columns: ['updated_by_source', 'updated_by_member_id', 'updated_by_name'],
  },
  { name: 'searchVector', label: 'Search vector', type: 'TS_VECTOR', kind: 'none', columns: ['search_vector'] },
];

const isSystem = new Set(SYSTEM_FIELDS.map(({ name }) => name));
export const isSystemField = ({ name }: Field): boolean => isSystem.has(name);
export const isComputed = ({ type }: Field): boolean => ['FORMULA', 'ROLLUP', 'TS_VECTOR'].includes(type);

export function objectPlan(name: string): ObjectPlan {
  return OBJECTS.find((object) => object.name === name)!;
}

export const fieldsOf = (object: ObjectPlan): readonly Field[] => [...SYSTEM_FIELDS, ...object.fields];

export function fieldOf(object: ObjectPlan, name: string): Field {
  return fieldsOf(object).find((field) => field.name === name)!;
}

export const apiName = (column: string): string =>
  column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
