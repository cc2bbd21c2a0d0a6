import type { Change, ChangedTable } from '../model/planning.ts';
import type { Model } from '../model/types.ts';
import { t } from '../language/t.ts';

/** What a plan makes of the model, in words: one line for each kind of thing that is added, changed or deleted. */

const THINGS: { [table in ChangedTable]: (count: number) => string } = {
  objects: (count) => t('{count, plural, one {the object} other {the objects}}', { count }),
  fields: (count) => t('{count, plural, one {the field} other {the fields}}', { count }),
  relations: (count) => t('{count, plural, one {the relation} other {the relations}}', { count }),
  rules: (count) => t('{count, plural, one {the rule} other {the rules}}', { count }),
  indexes: (count) => t('{count, plural, one {the index} other {the indexes}}', { count }),
  views: (count) => t('{count, plural, one {the view} other {the views}}', { count }),
  viewFields: (count) => t('{count, plural, one {the column of a view} other {the columns of views}}', { count }),
  aliases: (count) => t('{count, plural, one {the former name} other {the former names}}', { count }),
  roles: (count) => t('{count, plural, one {the role} other {the roles}}', { count }),
  roleIncludes: (count) => t('{count, plural, one {the included role} other {the included roles}}', { count }),
  objectPermissions: (count) => t('{count, plural, one {the right} other {the rights}}', { count }),
  fieldPermissions: (count) => t('{count, plural, one {the field rule} other {the field rules}}', { count }),
  recordRules: (count) => t('{count, plural, one {the record rule} other {the record rules}}', { count }),
};

const VERBS = {
  add: (things: string) => t('Adds {things}', { things }),
  change: (things: string) => t('Changes {things}', { things }),
  delete: (things: string) => t('Deletes {things}', { things }),
  restore: (things: string) => t('Restores {things}', { things }),
  replace: (things: string) => t('Replaces uses of {things}', { things }),
};

type Values = { [name: string]: unknown };

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const named = (values: Values): string | undefined =>
  text(values['labelPlural']) ?? text(values['label']) ?? text(values['name']) ?? text(values['namePlural']);

interface Told {
  verb: keyof typeof VERBS;
  table: ChangedTable;
  /** The object that the thing belongs to. */
  of: string | undefined;
  label: string | undefined;
}

function labelsOf(model: Model, changes: Change[]): Map<string, { label: string; of?: string }> {
  const labels = new Map<string, { label: string; of?: string }>();
  const know = (id: unknown, label: string | undefined, of?: string) => {
    if (typeof id === 'string' && label) labels.set(id, of === undefined ? { label } : { label, of });
  };
  for (const object of model.objects) {
    know(object.id, object.labelPlural);
    for (const field of object.fields) know(field.id, field.label, object.labelPlural);
    for (const rule of object.rules) know(rule.id, rule.text, object.labelPlural);
    for (const index of object.indexes) know(index.id, index.name, object.labelPlural);
  }
  for (const change of changes) {
    if (change.op === 'createObject') know(change.id, named(change));
    if (change.op === 'insert') know(change.id, named(change.values));
  }
  return labels;
}

function told(change: Change, labels: Map<string, { label: string; of?: string }>): Told {
  const labelOf = (id: unknown) => (typeof id === 'string' ? labels.get(id)?.label : undefined);
  switch (change.op) {
    case 'createObject':
      return { verb: 'add', table: 'objects', of: undefined, label: named(change) };
    case 'createField':
      return { verb: 'add', table: 'fields', of: labelOf(change.objectId), label: named(change) };
    case 'insert':
      return {
        verb: 'add',
        table: change.table,
        of: labelOf(change.values['objectId']),
        label: named(change.values),
      };
    case 'update':
    case 'delete':
    case 'restore': {
      const known = labels.get(change.id);
      const verb = change.op === 'update' ? 'change' : change.op;
      return { verb, table: change.table, of: known?.of, label: known?.label };
    }
    default:
      return { verb: 'replace', table: 'fields', of: undefined, label: labelOf(change.fieldId) };
  }
}

export function changeLines(model: Model, changes: Change[]): string[] {
  const labels = labelsOf(model, changes);
  const groups = new Map<string, { told: Told; labels: Set<string> }>();
  for (const change of changes) {
    const line = told(change, labels);
    // What has no name yet is a part of something that this plan makes, and comes with it.
    if (!line.label) continue;
    const key = `${line.verb} ${line.table} ${line.of}`;
    const group = groups.get(key) ?? { told: line, labels: new Set<string>() };
    group.labels.add(line.label);
    groups.set(key, group);
  }
  return [...groups.values()].map((group) => {
    const { verb, of, table } = group.told;
    const things = THINGS[table](group.labels.size);
    const names = [...group.labels].map((label) => `“${label}”`).join(', ');
    return VERBS[verb](of ? t('{things} {names} of {of}', { things, names, of }) : `${things} ${names}`);
  });
}
