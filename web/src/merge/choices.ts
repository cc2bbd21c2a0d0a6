import type { ColumnValue, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import type { Choices, Columns, MergePlan, PlannedRecord } from './calls.ts';

export const ALL = 'ALL';

export const columnsOf = (field: ModelField): string[] =>
  field.relations.length > 0
    ? field.relations.map((relation) => relation.columnName)
    : field.columns.map((column) => column.name);

export const rowOf = ({ recordId, values }: PlannedRecord): RecordRow => ({ ...values, id: recordId });

/** An empty text or list is as good as nothing. */
const filled = (value: ColumnValue | undefined): ColumnValue =>
  value === undefined || value === '' || (Array.isArray(value) && value.length === 0) ? null : value;

const valueOf = (field: ModelField, values: Columns): string =>
  JSON.stringify(columnsOf(field).map((name) => filled(values[name])));

const isBlank = (field: ModelField, values: Columns): boolean =>
  columnsOf(field).every((name) => filled(values[name]) === null);

/** The fields among whose values one can choose, in the order of the object, those in which the records differ first. */
export function fieldsToChoose(object: ModelObject, plan: MergePlan): { differing: ModelField[]; same: ModelField[] } {
  const fields = object.fields
    .filter((field) => plan.choices[field.name] !== undefined)
    .sort((a, b) => a.position - b.position)
    .filter((field) => plan.records.some(({ values }) => !isBlank(field, values)));
  const differs = (field: ModelField) => new Set(plan.records.map(({ values }) => valueOf(field, values))).size > 1;
  return { differing: fields.filter(differs), same: fields.filter((field) => !differs(field)) };
}

/** Whether the values of all together are more than what each record has. */
export const canUnite = (field: ModelField, plan: MergePlan): boolean =>
  columnsOf(field).every((name) => name in plan.united) &&
  plan.records.every(({ values }) => valueOf(field, values) !== valueOf(field, plan.united));

/** What the record that stays is written with: the chosen columns where they are not its own. */
export function mergeData(object: ModelObject, plan: MergePlan, choices: Choices): Columns {
  const data: Columns = {};
  const own = plan.records.find(({ recordId }) => recordId === plan.survivorId)?.values ?? {};
  for (const field of object.fields) {
    const choice = choices[field.name];
    if (choice === undefined || choice === plan.survivorId) continue;
    const values = choice === ALL ? plan.united : plan.records.find(({ recordId }) => recordId === choice)?.values;
    if (!values || valueOf(field, values) === valueOf(field, own)) continue;
    for (const name of columnsOf(field)) if (name in values) data[name] = values[name] ?? null;
  }
  return data;
}
