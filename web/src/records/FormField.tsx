import { Input, Switch, Textarea, TextInput } from '@mantine/core';
import { useId, useState } from 'react';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { FieldEditor } from '../fields/FieldEditor.tsx';
import { isNeeded, ruleHints } from '../fields/rules.ts';
import { editText } from '../model/parse.ts';
import type { FieldType, Model, ModelField } from '../model/types.ts';
import type { FieldValue } from '../model/values.ts';
import classes from './records.module.css';
import { t } from '../language/t.ts';

/** What a form holds for a field: a text that is read when the form is sent, or a value that was chosen. */
export type FormEntry = { text: string } | { value: FieldValue };

const CHOSEN: FieldType[] = [
  'SELECT',
  'MULTI_SELECT',
  'RATING',
  'RELATION',
  'MORPH_RELATION',
  'MEMBER',
  'MANY_TO_MANY',
  'ADDRESS',
  'FILES',
];
const PLACEHOLDERS: { [type in FieldType]?: string } = {
  DATE: t('2026-11-22, 22 Nov or tomorrow'),
  DATE_TIME: t('2026-11-22 14:30 or tomorrow 9am'),
  PERCENT: '25%',
  DURATION: '1h 30m',
  CURRENCY: 'EUR 1,200',
  LOCATION: '48.137, 11.575',
  COLOR: '#1c8a6b',
};

const isChosen = (field: ModelField): boolean => CHOSEN.includes(field.type);

export const entryOf = (field: ModelField, value: FieldValue): FormEntry =>
  isChosen(field) || field.type === 'BOOLEAN' ? { value } : { text: editText(field, value) };

interface FormFieldProps {
  model: Model;
  field: ModelField;
  entry: FormEntry;
  problem: string | null;
  autofocus: boolean;
  onChange: (entry: FormEntry) => void;
}

/** A field of a form: typed into, or opened to choose from as in a table. */
export function FormField({ model, field, entry, problem, autofocus, onChange }: FormFieldProps) {
  const [editing, setEditing] = useState(false);
  const errorId = useId();
  const shared = {
    label: field.label,
    withAsterisk: isNeeded(model, field),
    description: ruleHints(model, field).join(' ') || undefined,
    error: problem,
  };
  if (field.type === 'BOOLEAN')
    return (
      <Switch
        {...shared}
        checked={'value' in entry && entry.value === true}
        onChange={(event) => onChange({ value: event.currentTarget.checked })}
      />
    );
  if (isChosen(field)) {
    const value = 'value' in entry ? entry.value : null;
    return (
      <Input.Wrapper {...shared} labelElement="div" errorProps={{ id: errorId }}>
        <div className={classes.formChoice} data-invalid={problem !== null || undefined}>
          {editing ? (
            <FieldEditor
              field={field}
              value={value}
              typed={null}
              onSave={(next) => onChange({ value: next })}
              done={() => setEditing(false)}
            />
          ) : (
            <button
              type="button"
              aria-label={t('Choose {label}', { label: field.label })}
              aria-describedby={problem ? errorId : undefined}
              data-autofocus={autofocus || undefined}
              onClick={() => setEditing(true)}
            >
              {value === null ? (
                <span className={classes.formEmpty}>{t('Choose…')}</span>
              ) : (
                <FieldDisplay field={field} value={value} />
              )}
            </button>
          )}
        </div>
      </Input.Wrapper>
    );
  }
  const text = 'text' in entry ? entry.text : '';
  const onText = (event: { currentTarget: { value: string } }) => onChange({ text: event.currentTarget.value });
  return field.type === 'RICH_TEXT' || field.type === 'RAW_JSON' ? (
    <Textarea {...shared} value={text} onChange={onText} autosize minRows={3} maxRows={10} data-autofocus={autofocus} />
  ) : (
    <TextInput
      {...shared}
      value={text}
      onChange={onText}
      placeholder={PLACEHOLDERS[field.type]}
      data-autofocus={autofocus || undefined}
      autoComplete="off"
    />
  );
}
