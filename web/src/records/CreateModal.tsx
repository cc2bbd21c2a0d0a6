import { Alert, Button, Group, Modal, Stack } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { fieldNamed, fieldsToAsk, isNeeded } from '../fields/rules.ts';
import { labelField } from '../model/lookup.ts';
import { parseValue } from '../model/parse.ts';
import { isEditable } from '../model/text.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { toPatch, type FieldValue } from '../model/values.ts';
import { LikeThese } from '../duplicates/LikeThese.tsx';
import { createRecord } from './changes.ts';
import { entryOf, FormField, type FormEntry } from './FormField.tsx';
import { reasonOf } from './refusals.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** What a form begins with when something was typed, and refused, before it opened. */
export interface FormStart {
  field: ModelField;
  value: FieldValue;
  failure: Failure | null;
}

interface CreateModalProps {
  model: Model;
  object: ModelObject;
  /** The fields that are read back of the new record. */
  fields: ModelField[];
  /** Columns that are set beforehand, such as the company on whose page a person is added. */
  values: { [name: string]: ColumnValue };
  start?: FormStart;
  onClose: () => void;
  onCreated: (row: RecordRow) => void;
}

type Texts = { [fieldId: string]: string };

/** A switch that nobody touched says no. */
const emptyEntry = (field: ModelField): FormEntry =>
  field.type === 'BOOLEAN' ? { value: false } : entryOf(field, null);

/** Which fields the form shows beyond those it asks for anyway: the one that a refusal is about. */
function refusedField(object: ModelObject, failure: Failure | null | undefined): ModelField[] {
  const field = failure ? fieldNamed(object, failure.field) : undefined;
  return field && isEditable(field) ? [field] : [];
}

function problemsOf(object: ModelObject, failure: Failure | null | undefined): { at: Texts; above: string | null } {
  if (!failure) return { at: {}, above: null };
  const [field] = refusedField(object, failure);
  return field ? { at: { [field.id]: reasonOf(failure) }, above: null } : { at: {}, above: reasonOf(failure) };
}

/** A form for a new record: its label, what it cannot be without, and whatever the server missed in it. */
export function CreateModal({ model, object, fields, values, start, onClose, onCreated }: CreateModalProps) {
  const label = labelField(object);
  const [extra, setExtra] = useState<ModelField[]>(() => [
    ...(start && start.field !== label ? [start.field] : []),
    ...refusedField(object, start?.failure),
  ]);
  const [entries, setEntries] = useState<{ [fieldId: string]: FormEntry }>(() =>
    start ? { [start.field.id]: entryOf(start.field, start.value) } : {},
  );
  const [problems, setProblems] = useState(() => problemsOf(object, start?.failure));
  const [busy, setBusy] = useState(false);

  const asked = [
    ...(label && isEditable(label) ? [label] : []),
    ...fieldsToAsk(model, object, Object.keys(values)),
    ...extra,
  ];
  const shown = [...new Set(asked)];
  const focused = shown.find((field) => problems.at[field.id] !== undefined) ?? shown[0];

  const read = (): { record: { [name: string]: ColumnValue }; at: Texts } => {
    const record = { ...values };
    const at: Texts = {};
    for (const field of shown) {
      const entry = entries[field.id] ?? emptyEntry(field);
      const parsed = 'text' in entry ? parseValue(field, entry.text, null) : entry;
      if ('reason' in parsed) at[field.id] = parsed.reason;
      else if (parsed.value === null && isNeeded(model, field))
        at[field.id] = t('{label} is required.', { label: field.label });
      else if (parsed.value !== null) Object.assign(record, toPatch(field, parsed.value));
    }
    return { record, at };
  };

  /** What can be read already of what stands there. */
  const typed = (): { [name: string]: ColumnValue } => {
    const record = { ...values };
    for (const field of shown) {
      const entry = entries[field.id];
      if (!entry) continue;
      const parsed = 'text' in entry ? parseValue(field, entry.text, null) : entry;
      if ('value' in parsed && parsed.value !== null && !field.junction)
        Object.assign(record, toPatch(field, parsed.value));
    }
    return Object.keys(entries).length > 0 ? record : {};
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    // A form within a page's form, as a picker's is: only the inner one is sent.
    event.stopPropagation();
    const { record, at } = read();
    setProblems({ at, above: null });
    if (Object.keys(at).length > 0) return;
    setBusy(true);
    try {
      const row = await createRecord(model, object, fields, record);
      onClose();
      onCreated(row);
    } catch (cause) {
      const failure = toFailure(cause);
      setExtra([...extra, ...refusedField(object, failure)]);
      setProblems(problemsOf(object, failure));
      setBusy(false);
    }
  };

  return (
    <Modal
      opened
      onClose={onClose}
      title={t('New {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
      size="sm"
    >
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          {shown.map((field) => (
            <FormField
              key={field.id}
              model={model}
              field={field}
              entry={entries[field.id] ?? emptyEntry(field)}
              problem={problems.at[field.id] ?? null}
              autofocus={field === focused}
              onChange={(entry) => {
                setEntries((all) => ({ ...all, [field.id]: entry }));
                setProblems({
                  above: null,
                  at: Object.fromEntries(Object.entries(problems.at).filter(([id]) => id !== field.id)),
                });
              }}
            />
          ))}
          <LikeThese object={object} data={typed()} />
          {problems.above ? (
            <Alert color="red" variant="light" p="xs" role="alert">
              {problems.above}
            </Alert>
          ) : null}
        </Stack>
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button type="submit" loading={busy}>
            {t('Create')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
