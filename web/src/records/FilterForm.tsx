import { NativeSelect, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import fieldClasses from '../fields/fields.module.css';
import { Tag } from '../fields/Tag.tsx';
import { targetsOf, useRelated } from '../fields/useRelated.ts';
import {
  filterProblem,
  ME,
  OPERATOR_LABELS,
  operatorsOf,
  takesValue,
  type Filter,
  type Operator,
} from '../model/filters.ts';
import { useModel } from '../model/store.ts';
import type { ModelField } from '../model/types.ts';
import { valueType } from '../model/valueType.ts';
import classes from './records.module.css';

interface FilterFormProps {
  field: ModelField;
  filter: Filter;
  onChange: (filter: Filter) => void;
  onDone: () => void;
}

const SETTLE_MS = 250;
const PLACEHOLDERS: { [type: string]: string } = {
  CURRENCY: '10k',
  DATE: 'today, 2026-11-22, 3 Dec',
  DATE_TIME: 'today, 2026-11-22, 3 Dec',
  RATING: '1 to 5',
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
        placeholder={`Search ${field.label.toLowerCase()}`}
        aria-label={`Search ${field.label}`}
        value={query}
        onChange={(event) => setQuery(event.currentTarget.value)}
        data-autofocus
      />
      <Choices
        label={field.label}
        choices={[
          ...(hasMembers && query === '' ? [{ value: ME, label: 'Me, whoever looks' }] : []),
          ...found.map(({ id, label, object }) => ({
            value: id,
            label: targets.length > 1 ? `${label} (${object.labelSingular.toLowerCase()})` : label,
          })),
        ]}
        value={value}
        onChange={onChange}
      />
      {found.length === 0 && answered === query ? <div className={fieldClasses.pickerEmpty}>Nothing found.</div> : null}
    </>
  );
}

function ValueInput({ field, filter, onChange, onDone }: FilterFormProps) {
  const [text, setText] = useState(filter.value);
  const problem = text.trim() === '' ? null : filterProblem(field, { ...filter, value: text });
  useEffect(() => {
    if (text === filter.value) return;
    const timer = setTimeout(() => onChange({ ...filter, value: text }), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [text, filter, onChange]);
  const days = filter.operator === 'last' || filter.operator === 'next';
  return (
    <TextInput
      size="xs"
      value={text}
      error={problem}
      aria-label={`${field.label}: value`}
      placeholder={days ? 'Number of days' : (PLACEHOLDERS[valueType(field)] ?? 'Value')}
      onChange={(event) => setText(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== 'Enter') return;
        onChange({ ...filter, value: text });
        onDone();
      }}
      data-autofocus
    />
  );
}

export function FilterForm({ field, filter, onChange, onDone }: FilterFormProps) {
  const operators = operatorsOf(field);
  const setValue = (value: string) => onChange({ ...filter, value });
  const options = [...(field.options ?? [])].sort((a, b) => a.position - b.position);
  return (
    <div className={classes.filterForm}>
      <NativeSelect
        size="xs"
        aria-label={`${field.label}: comparison`}
        value={filter.operator}
        onChange={(event) => onChange({ ...filter, operator: event.currentTarget.value as Operator })}
        data={operators.map((operator) => ({ value: operator, label: OPERATOR_LABELS[operator] }))}
      />
      {!takesValue(filter.operator) ? null : valueType(field) === 'BOOLEAN' ? (
        <NativeSelect
          size="xs"
          aria-label={`${field.label}: value`}
          value={filter.value || 'true'}
          onChange={(event) => setValue(event.currentTarget.value)}
          data={[
            { value: 'true', label: 'Yes' },
            { value: 'false', label: 'No' },
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
