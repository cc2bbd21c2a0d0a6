import { NativeSelect, NumberInput, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import fieldClasses from '../fields/fields.module.css';
import { Tag } from '../fields/Tag.tsx';
import { targetsOf, useRelated } from '../fields/useRelated.ts';
import {
  bounds,
  ME,
  OPERATOR_LABELS,
  operatorsOf,
  takesValue,
  valueProblem,
  type Filter,
  type Operator,
} from '../model/filters.ts';
import { parsePeriod, periodText, UNITS, type Unit } from '../model/periods.ts';
import { useModel } from '../model/store.ts';
import type { ModelField } from '../model/types.ts';
import { valueType } from '../model/valueType.ts';
import classes from './records.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface FilterFormProps {
  field: ModelField;
  filter: Filter;
  onChange: (filter: Filter) => void;
  onDone: () => void;
}

const SETTLE_MS = 250;
const PLACEHOLDERS: { [type: string]: string } = {
  CURRENCY: '10k',
  DATE: t('today, 2026-11-22, 3 Dec'),
  DATE_TIME: t('today, 2026-11-22, 3 Dec'),
  RATING: t('1 to 5'),
  PERCENT: '25%',
  DURATION: '1h 30m, 90m',
  COLOR: '#1c8a6b',
};

function Choices({
  label,
  choices,
  value,
  onChange,
}: {
  label: string;
  choices: { value: string; label: string; color?: string }[];
  value: string;
  onChange: (value: string) => void;
}) {
  const chosen = value.split(',').filter(Boolean);
  return (
    <div className={classes.filterChoices} role="group" aria-label={label}>
      {choices.map((choice) => (
        <label key={choice.value} className={fieldClasses.option}>
          <input
            type="checkbox"
            checked={chosen.includes(choice.value)}
            onChange={() =>
              onChange(
                (chosen.includes(choice.value)
                  ? chosen.filter((each) => each !== choice.value)
                  : [...chosen, choice.value]
                ).join(','),
              )
            }
          />
          {choice.color ? (
            <Tag label={choice.label} color={choice.color} />
          ) : (
            <span className={fieldClasses.optionLabel}>{choice.label}</span>
          )}
        </label>
      ))}
    </div>
  );
}

function RelatedChoices({
  field,
  value,
  onChange,
}: {
  field: ModelField;
  value: string;
  onChange: (value: string) => void;
}) {
  const model = useModel();
  const targets = targetsOf(model, field);
  const { found, answered, find } = useRelated(model, targets);
  const hasMembers = targets.some(({ object }) => object.nameSingular === 'workspaceMember');
  const [query, setQuery] = useState('');
  useEffect(() => find(query), [find, query]);
  return (
    <>
      <TextInput
        size="xs"
        mb={4}
        placeholder={t('Search {label}', { label: inSentence(field.label) })}
        aria-label={t('Search {label}', { label: field.label })}
        value={query}
        onChange={(event) => setQuery(event.currentTarget.value)}
        data-autofocus
      />
      <Choices
        label={field.label}
        choices={[
          ...(hasMembers && query === '' ? [{ value: ME, label: t('Me, whoever looks') }] : []),
          ...found.map(({ id, label, object }) => ({
            value: id,
            label: targets.length > 1 ? `${label} (${inSentence(object.labelSingular)})` : label,
          })),
        ]}
        value={value}
        onChange={onChange}
      />
      {found.length === 0 && answered === query ? (
        <div className={fieldClasses.pickerEmpty}>{t('Nothing found.')}</div>
      ) : null}
    </>
  );
}

function ValueInput({ field, filter, onChange, onDone }: FilterFormProps) {
  const [text, setText] = useState(filter.value);
  const problem = text.trim() === '' ? null : valueProblem(field, { ...filter, value: text });
  useEffect(() => {
    if (text === filter.value) return;
    const timer = setTimeout(() => onChange({ ...filter, value: text }), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [text, filter, onChange]);
  return (
    <TextInput
      size="xs"
      value={text}
      error={problem}
      aria-label={t('{label}: value', { label: field.label })}
      placeholder={
        filter.operator === 'within' ? t('south, west, north, east') : (PLACEHOLDERS[valueType(field)] ?? t('Value'))
      }
      onChange={(event) => setText(event.currentTarget.value)}
      // Who goes on to a button need not wait for it to settle.
      onBlur={() => text !== filter.value && onChange({ ...filter, value: text })}
      onKeyDown={(event) => {
        if (event.key !== 'Enter') return;
        onChange({ ...filter, value: text });
        onDone();
      }}
      data-autofocus
    />
  );
}

/** So many days, weeks or months; of this one, only which. */
function PeriodInput({ field, filter, onChange }: Omit<FilterFormProps, 'onDone'>) {
  const { amount, unit } = parsePeriod(filter.value) ?? { amount: 30, unit: 'day' as Unit };
  const isThis = filter.operator === 'this';
  const set = (period: { amount: number; unit: Unit }) =>
    onChange({ ...filter, value: isThis ? period.unit : periodText(period) });
  return (
    <div className={classes.period}>
      {isThis ? null : (
        <NumberInput
          size="xs"
          min={1}
          max={9999}
          allowDecimal={false}
          aria-label={t('{label}: how many', { label: field.label })}
          value={amount}
          onChange={(value) => Number(value) >= 1 && set({ amount: Number(value), unit })}
          data-autofocus
        />
      )}
      <NativeSelect
        size="xs"
        aria-label={t('{label}: unit', { label: field.label })}
        value={unit}
        onChange={(event) => set({ amount, unit: event.currentTarget.value as Unit })}
        data={UNITS.map((each) => ({ value: each, label: isThis || amount === 1 ? each : `${each}s` }))}
      />
    </div>
  );
}

/** Both ends, each checked with the other. */
function RangeInput({ field, filter, onChange }: Omit<FilterFormProps, 'onDone'>) {
  const [ends, setEnds] = useState(() => bounds(filter.value));
  const value = ends.join('..');
  const problem = ends.includes('') ? null : valueProblem(field, { ...filter, value });
  useEffect(() => {
    if (value === filter.value || ends.includes('')) return;
    const timer = setTimeout(() => onChange({ ...filter, value }), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value, ends, filter, onChange]);
  return (
    <div className={classes.period}>
      {(['from', 'to'] as const).map((end, index) => (
        <TextInput
          key={end}
          size="xs"
          aria-label={`${field.label}: ${end}`}
          placeholder={PLACEHOLDERS[valueType(field)]?.split(',')[index] ?? end}
          value={ends[index]}
          error={index === 1 ? problem : null}
          onBlur={() => value !== filter.value && !ends.includes('') && onChange({ ...filter, value })}
          onChange={(event) =>
            setEnds(index === 0 ? [event.currentTarget.value, ends[1]] : [ends[0], event.currentTarget.value])
          }
        />
      ))}
    </div>
  );
}

/** What a comparison starts with when another one takes its place. */
function valueAfter(operator: Operator, filter: Filter): string {
  const isSpan = (each: Operator) => each === 'last' || each === 'next';
  if (isSpan(operator)) return isSpan(filter.operator) ? filter.value : '30 days'; // no text
  if (operator === 'this') return 'month';
  if (!takesValue(operator)) return '';
  return isSpan(filter.operator) || ['this', 'between', 'within'].includes(filter.operator) || operator === 'within'
    ? ''
    : filter.value;
}

export function FilterForm({ field, filter, onChange, onDone }: FilterFormProps) {
  const operators = operatorsOf(field);
  const setValue = (value: string) => onChange({ ...filter, value });
  const options = [...(field.options ?? [])].sort((a, b) => a.position - b.position);
  return (
    <div className={classes.filterForm}>
      <NativeSelect
        size="xs"
        aria-label={t('{label}: comparison', { label: field.label })}
        value={filter.operator}
        onChange={(event) => {
          const operator = event.currentTarget.value as Operator;
          onChange({ ...filter, operator, value: valueAfter(operator, filter) });
        }}
        data={operators.map((operator) => ({ value: operator, label: OPERATOR_LABELS[operator] }))}
      />
      {!takesValue(filter.operator) ? null : ['last', 'next', 'this'].includes(filter.operator) ? (
        <PeriodInput field={field} filter={filter} onChange={onChange} />
      ) : filter.operator === 'between' ? (
        <RangeInput field={field} filter={filter} onChange={onChange} />
      ) : valueType(field) === 'BOOLEAN' ? (
        <NativeSelect
          size="xs"
          aria-label={t('{label}: value', { label: field.label })}
          value={filter.value || 'true'}
          onChange={(event) => setValue(event.currentTarget.value)}
          data={[
            { value: 'true', label: t('Yes') },
            { value: 'false', label: t('No') },
          ]}
        />
      ) : options.length > 0 ? (
        <Choices label={field.label} choices={options} value={filter.value} onChange={setValue} />
      ) : field.relations.length > 0 || field.junction ? (
        <RelatedChoices field={field} value={filter.value} onChange={setValue} />
      ) : (
        <ValueInput key={filter.operator} field={field} filter={filter} onChange={onChange} onDone={onDone} />
      )}
    </div>
  );
}
