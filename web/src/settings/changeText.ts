import type { Change, ChangedTable } from '../model/planning.ts';
import type { Model } from '../model/types.ts';

/** What a plan makes of the model, in words: one line for each kind of thing that is added, changed or deleted. */

const NOUNS: { [table in ChangedTable]: string } = {
  objects: 'object',
  fields: 'field',
  relations: 'relation',
  rules: 'rule',
  indexes: 'index',
  views: 'view',
  viewFields: 'column of a view',
  aliases: 'former name',
  roles: 'role',
  roleIncludes: 'included role',
  objectPermissions: 'right',
  fieldPermissions: 'field rule',
  recordRules: 'record rule',
};

type Values = { [name: string]: unknown };

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const named = (values: Values): string | undefined =>
  text(values['labelPlural']) ?? text(values['label']) ?? text(values['name']) ?? text(values['namePlural']);

interface Told {
  verb: 'Adds' | 'Changes' | 'Deletes' | 'Restores' | 'Replaces uses of';
  noun: string;
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
      return { verb: 'Adds', noun: 'object', of: undefined, label: named(change) };
    case 'createField':
      return { verb: 'Adds', noun: 'field', of: labelOf(change.objectId), label: named(change) };
    case 'insert':
      return {
        verb: 'Adds',
        noun: NOUNS[change.table],
        of: labelOf(change.values['objectId']),
        label: named(change.values),
      };
    case 'update':
    case 'delete':
    case 'restore': {
      const known = labels.get(change.id);
      const verb = change.op === 'update' ? 'Changes' : change.op === 'delete' ? 'Deletes' : 'Restores';
      return { verb, noun: NOUNS[change.table], of: known?.of, label: known?.label };
    }
    default:
      return { verb: 'Replaces uses of', noun: 'field', of: undefined, label: labelOf(change.fieldId) };
  }
}

export function changeLines(model: Model, changes: Change[]): string[] {
  const labels = labelsOf(model, changes);
  const groups = new Map<string, { told: Told; labels: Set<string> }>();
  for (const change of changes) {
    const line = told(change, labels);
    // What has no name yet is a part of something that this plan makes, and comes with it.
    if (!line.label) continue;
    const key = `${line.verb} ${line.noun} ${line.of}`;
    const group = groups.get(key) ?? { told: line, labels: new Set<string>() };
    group.labels.add(line.label);
    groups.set(key, group);
  }
  return [...groups.values()].map((group) => {
    const { verb, of, noun } = group.told;
    const nouns = noun === 'index' ? 'indexes' : noun === 'column of a view' ? 'columns of views' : `${noun}s`;
    const names = [...group.labels].map((label) => `“${label}”`).join(', ');
    return `${verb} the ${group.labels.size > 1 ? nouns : noun} ${names}${of ? ` of ${of}` : ''}`;
  });
}
