import type { FieldType, Model, ModelField, ModelObject } from '../src/model/types.ts';

const PARTS: { [type in FieldType]?: [string, string][] } = {
  FULL_NAME: [
    ['firstName', 'FirstName'],
    ['lastName', 'LastName'],
  ],
  CURRENCY: [
    ['amountMicros', 'AmountMicros'],
    ['currencyCode', 'CurrencyCode'],
  ],
  EMAILS: [
    ['primaryEmail', 'PrimaryEmail'],
    ['additionalEmails', 'AdditionalEmails'],
  ],
  LINKS: [
    ['primaryLinkLabel', 'PrimaryLinkLabel'],
    ['primaryLinkUrl', 'PrimaryLinkUrl'],
    ['secondaryLinks', 'SecondaryLinks'],
  ],
  RICH_TEXT: [
    ['markdown', 'Markdown'],
    ['document', 'Document'],
  ],
};

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A field as the model describes it, for the tests of what is made from it. */
export function field(name: string, type: FieldType, rest: Partial<ModelField> = {}): ModelField {
  const parts = PARTS[type] ?? [['', '']];
  const related = rest.relations !== undefined;
  return {
    id: `field-${name}`,
    name,
    label: name,
    description: null,
    icon: null,
    type,
    settings: {},
    options: [],
    defaultValue: null,
    isRequired: false,
    isUnique: false,
    isActive: true,
    isSystem: false,
    isCustom: false,
    isComputed: false,
    resultType: null,
    requiredFrom: null,
    position: 1,
    junction: null,
    aliases: [],
    columns: related
      ? []
      : parts.map(([part, suffix]) => ({ part, name: name + suffix, column: snake(name + suffix) })),
    relations: [],
    ...rest,
  };
}

function object(
  nameSingular: string,
  namePlural: string,
  fields: ModelField[],
  labelFieldId: string | null,
): ModelObject {
  return {
    id: `object-${nameSingular}`,
    nameSingular,
    namePlural,
    labelSingular: nameSingular,
    labelPlural: namePlural,
    description: null,
    icon: null,
    color: null,
    isActive: true,
    isSystem: false,
    isSearchable: true,
    isAudited: true,
    isPrivate: false,
    isCustom: false,
    isJunction: false,
    labelFieldId,
    imageFieldId: null,
    duplicateCriteria: [],
    tableName: snake(namePlural),
    position: 1,
    fields,
    rules: [],
    indexes: [],
    aliases: [],
  };
}

const relation = (name: string, target: string, inverseName: string) => ({
  id: `relation-${name}`,
  targetObjectId: `object-${target}`,
  name,
  column: `${snake(name)}_id`,
  columnName: `${name}Id`,
  inverseName,
  inverseLabel: inverseName,
  onDelete: 'SET_NULL' as const,
  isOnTimeline: false,
});

export const company = object(
  'company',
  'companies',
  [field('name', 'TEXT'), field('revenue', 'CURRENCY'), field('domain', 'LINKS')],
  'field-name',
);

export const person = object(
  'person',
  'people',
  [
    { ...field('fullName', 'FULL_NAME') },
    field('emails', 'EMAILS'),
    field('born', 'DATE'),
    field('seenAt', 'DATE_TIME'),
    field('score', 'NUMBER'),
    field('active', 'BOOLEAN'),
    field('stage', 'SELECT', {
      options: [
        { value: 'NEW', label: 'New', color: 'red', position: 0 },
        { value: 'OLD', label: 'Old', color: 'blue', position: 1 },
      ],
    }),
    field('tags', 'MULTI_SELECT', { options: [{ value: 'A', label: 'A', color: 'red', position: 0 }] }),
    field('notes', 'RICH_TEXT'),
    field('company', 'RELATION', { relations: [relation('company', 'company', 'people')] }),
    field('gone', 'TEXT', { isActive: false }),
  ],
  'field-fullName',
);

const task = object('task', 'tasks', [field('title', 'TEXT')], 'field-title');

export const taskTarget = object(
  'taskTarget',
  'taskTargets',
  [
    field('task', 'RELATION', { relations: [relation('task', 'task', 'taskTargets')] }),
    field('target', 'MORPH_RELATION', {
      relations: [
        relation('targetPerson', 'person', 'taskTargets'),
        relation('targetCompany', 'company', 'taskTargets'),
      ],
    }),
  ],
  null,
);

export const model: Model = {
  version: 1,
  workspace: { id: 'w', slug: 'w', name: 'W' },
  objects: [company, person, task, taskTarget],
};
