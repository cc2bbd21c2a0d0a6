import type { RuleDraft } from '../model/inquiries.ts';
import type { FieldType, ModelField, ModelObject, ModelRule, RuleKind } from '../model/types.ts';
import { t } from '../language/t.ts';

export const RULE_KINDS: { value: RuleKind; label: string; hint: string }[] = [
  { value: 'REQUIRED', label: t('Must be filled'), hint: t('A reason is needed when the stage is LOST') },
  { value: 'RANGE', label: t('Within limits'), hint: t('An amount between 0 and 1,000,000') },
  { value: 'LENGTH', label: t('Of a length'), hint: t('A text of at least 10 characters') },
  { value: 'PATTERN', label: t('Of a form'), hint: t('A code such as AB-1234') },
  { value: 'UNIQUE', label: t('No two alike'), hint: t('Name and city together only once') },
  { value: 'CONDITION', label: t('A condition'), hint: t('The end is after the start') },
];

const FIELD_TYPES: { [kind in RuleKind]?: FieldType[] } = {
  RANGE: ['NUMBER', 'NUMERIC', 'CURRENCY', 'PERCENT', 'DURATION', 'RATING', 'DATE', 'DATE_TIME', 'FORMULA', 'ROLLUP'],
  LENGTH: ['TEXT', 'RICH_TEXT', 'ARRAY', 'MULTI_SELECT'],
  PATTERN: ['TEXT', 'EMAILS', 'PHONES', 'LINKS'],
};

const NEVER: FieldType[] = ['TS_VECTOR', 'POSITION', 'MANY_TO_MANY', 'FORMULA', 'ROLLUP', 'AUTO_NUMBER'];

export const ruleFields = (object: ModelObject, kind: RuleKind): ModelField[] =>
  object.fields.filter((field) => {
    if (!field.isActive || field.isSystem) return false;
    const types = FIELD_TYPES[kind];
    return types ? types.includes(field.type) : !NEVER.includes(field.type);
  });

export const emptyRule = (object: ModelObject, kind: RuleKind): RuleDraft => ({
  objectId: object.id,
  fieldId: null,
  kind,
  settings: kind === 'UNIQUE' ? { fieldIds: [], ignoreCase: false } : {},
  condition: kind === 'CONDITION' ? '' : null,
  message: '',
  appliesFrom: null,
});

export const ruleDraft = (object: ModelObject, rule: ModelRule): RuleDraft => ({
  id: rule.id,
  objectId: object.id,
  fieldId: rule.fieldId,
  kind: rule.kind,
  settings: rule.settings,
  condition: rule.condition,
  message: rule.message,
  appliesFrom: rule.appliesFrom,
});

const needsField = (kind: RuleKind): boolean => kind !== 'CONDITION' && kind !== 'UNIQUE';

export function isRuleComplete(draft: RuleDraft, isConditionRight: boolean): boolean {
  if (needsField(draft.kind) && !draft.fieldId) return false;
  const { settings } = draft;
  const has = (name: string) => settings[name] !== undefined && settings[name] !== null && settings[name] !== '';
  if ((draft.kind === 'RANGE' || draft.kind === 'LENGTH') && !has('min') && !has('max')) return false;
  if (draft.kind === 'PATTERN' && !has('pattern')) return false;
  if (draft.kind === 'UNIQUE' && !(Array.isArray(settings['fieldIds']) && settings['fieldIds'].length > 0))
    return false;
  const condition = draft.condition?.trim() ?? '';
  if (draft.kind === 'CONDITION' && condition === '') return false;
  return condition === '' || isConditionRight;
}

/** As the database keeps it: an empty condition is none, and a rule of one field names it. */
export function cleanRule(draft: RuleDraft): RuleDraft {
  const condition = draft.condition?.trim() ? draft.condition.trim() : null;
  const ids = draft.settings['fieldIds'];
  const only = draft.kind === 'UNIQUE' && Array.isArray(ids) && ids.length === 1 ? String(ids[0]) : null;
  return {
    ...draft,
    condition,
    message: draft.message.trim(),
    fieldId: draft.kind === 'UNIQUE' ? only : draft.kind === 'CONDITION' ? null : draft.fieldId,
  };
}
