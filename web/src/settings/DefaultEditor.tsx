import { NumberInput, Select, SegmentedControl, TextInput, Input, MultiSelect } from '@mantine/core';
import type { FieldType, ModelObject } from '../model/types.ts';
import type { FieldDraft } from './fieldDraft.ts';
import { FormulaEditor } from './FormulaEditor.tsx';
import { cleanOptions } from './optionDrafts.ts';
import classes from './editor.module.css';
import { t } from '../language/t.ts';

interface DefaultEditorProps {
  object: ModelObject;
  draft: FieldDraft;
  onChange: (defaultValue: unknown) => void;
}

/** Where a new record's value comes from when nobody gives one. */
type Source = 'none' | 'constant' | 'now' | 'member' | 'expression';

const CONSTANTS: FieldType[] = [
  'TEXT',
  'NUMBER',
  'NUMERIC',
  'PERCENT',
  'RATING',
  'BOOLEAN',
  'SELECT',
  'MULTI_SELECT',
  'DATE',
  'COLOR',
  'DURATION',
  'ARRAY',
];
const EXPRESSIONS: FieldType[] = ['TEXT', 'NUMBER', 'NUMERIC', 'PERCENT', 'DATE', 'DATE_TIME', 'DURATION', 'BOOLEAN'];

const isExpression = (value: unknown): value is { expression: string } =>
  typeof value === 'object' && value !== null && typeof (value as { expression?: unknown }).expression === 'string';

function sourceOf(value: unknown): Source {
  if (value === null || value === undefined) return 'none';
  if (value === 'now') return 'now';
  if (value === 'currentMember') return 'member';
  return isExpression(value) ? 'expression' : 'constant';
}

function sourcesOf(type: FieldType): { value: Source; label: string }[] {
  const sources: { value: Source; label: string }[] = [{ value: 'none', label: t('Empty') }];
  if (CONSTANTS.includes(type)) sources.push({ value: 'constant', label: t('A value') });
  if (type === 'DATE' || type === 'DATE_TIME')
    sources.push({ value: 'now', label: type === 'DATE' ? t('Today') : t('Now') });
  if (type === 'MEMBER') sources.push({ value: 'member', label: t('Who creates it') });
  if (EXPRESSIONS.includes(type)) sources.push({ value: 'expression', label: t('Formula') });
  return sources;
}

export function DefaultEditor({ object, draft, onChange }: DefaultEditorProps) {
  const { type, defaultValue } = draft;
  const sources = sourcesOf(type);
  const source = sourceOf(defaultValue);
  if (sources.length < 2) return null;
  const start: { [source in Source]: unknown } = {
    none: null,
    constant:
      type === 'BOOLEAN' ? false : type === 'ARRAY' || type === 'MULTI_SELECT' ? [] : type === 'TEXT' ? '' : undefined,
    now: 'now',
    member: 'currentMember',
    expression: { expression: '' },
  };
  return (
    <div className={classes.default}>
      <Input.Label>{t('New records start with')}</Input.Label>
      <SegmentedControl
        size="xs"
        aria-label={t('New records start with')}
        data={sources}
        value={source}
        onChange={(value) => onChange(start[value as Source] ?? (value === 'constant' ? '' : null))}
      />
      {source === 'constant' ? <ConstantInput draft={draft} onChange={onChange} /> : null}
      {source === 'expression' && isExpression(defaultValue) ? (
        <FormulaEditor
          object={object}
          context="DEFAULT"
          label={t('Formula')}
          placeholder={type === 'DATE' ? 'dateAdd(today(), 14, "day")' : 'now()'}
          value={defaultValue.expression}
          onChange={(expression) => onChange({ expression })}
        />
      ) : null}
    </div>
  );
}

function ConstantInput({ draft, onChange }: { draft: FieldDraft; onChange: (value: unknown) => void }) {
  const { type, defaultValue } = draft;
  const label = t('Value of new records');
  const options = cleanOptions(draft.options).map((option) => ({ value: option.value, label: option.label }));
  switch (type) {
    case 'NUMBER':
    case 'NUMERIC':
    case 'RATING':
    case 'DURATION':
      return (
        <NumberInput
          aria-label={label}
          placeholder={type === 'DURATION' ? t('Seconds') : undefined}
          min={type === 'RATING' ? 1 : undefined}
          max={type === 'RATING' ? 5 : undefined}
          value={typeof defaultValue === 'number' || typeof defaultValue === 'string' ? defaultValue : ''}
          onChange={(value) => onChange(value === '' ? '' : type === 'NUMERIC' ? String(value) : Number(value))}
        />
      );
    case 'PERCENT':
      return (
        <NumberInput
          aria-label={label}
          suffix=" %"
          value={typeof defaultValue === 'number' ? defaultValue * 100 : ''}
          onChange={(value) => onChange(value === '' ? '' : Number(value) / 100)}
        />
      );
    case 'BOOLEAN':
      return (
        <SegmentedControl
          size="xs"
          aria-label={label}
          data={[
            { value: 'true', label: t('Yes') },
            { value: 'false', label: t('No') },
          ]}
          value={String(defaultValue === true)}
          onChange={(value) => onChange(value === 'true')}
        />
      );
    case 'SELECT':
      return (
        <Select
          aria-label={label}
          placeholder={t('Choose an option')}
          data={options}
          value={typeof defaultValue === 'string' && defaultValue !== '' ? defaultValue : null}
          onChange={(value) => onChange(value ?? '')}
        />
      );
    case 'MULTI_SELECT':
      return (
        <MultiSelect
          aria-label={label}
          data={options}
          value={Array.isArray(defaultValue) ? (defaultValue as string[]) : []}
          onChange={onChange}
        />
      );
    case 'ARRAY':
      return (
        <TextInput
          aria-label={label}
          placeholder={t('First, second')}
          value={Array.isArray(defaultValue) ? defaultValue.join(', ') : ''}
          onChange={(event) => onChange(event.currentTarget.value.split(/\s*,\s*/).filter(Boolean))}
        />
      );
    default:
      return (
        <TextInput
          aria-label={label}
          type={type === 'DATE' ? 'date' : undefined}
          placeholder={type === 'COLOR' ? '#0f6b57' : undefined}
          value={typeof defaultValue === 'string' ? defaultValue : ''}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
  }
}
