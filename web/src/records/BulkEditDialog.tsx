import { countText } from '../model/formats.ts';
import { Alert, Button, Group, Modal, NativeSelect, Stack, Text } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { parseValue } from '../model/parse.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import type { FieldValue } from '../model/values.ts';
import { bulkEditable } from './bulkEditable.ts';
import { entryOf, FormField, type FormEntry } from './FormField.tsx';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface BulkEditDialogProps {
  model: Model;
  object: ModelObject;
  count: number;
  /** The field that is changed, where it was chosen before. */
  start: ModelField | null;
  onClose: () => void;
  onSubmit: (field: ModelField, value: FieldValue) => void;
}

const startOf = (field: ModelField): FormEntry => (field.type === 'BOOLEAN' ? { value: true } : entryOf(field, null));

/** Gives many records one value in one field. */
export function BulkEditDialog({ model, object, count, start, onClose, onSubmit }: BulkEditDialogProps) {
  const fields = bulkEditable(object);
  const [field, setField] = useState(start);
  const [entry, setEntry] = useState(start && startOf(start));
  const [problem, setProblem] = useState<string | null>(null);
  const what = `${countText(count)} ${count === 1 ? inSentence(object.labelSingular) : inSentence(object.labelPlural)}`;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!field || !entry) return;
    const parsed = 'text' in entry ? parseValue(field, entry.text, null) : entry;
    if ('reason' in parsed) setProblem(parsed.reason);
    else if (parsed.value === null && field.isRequired) setProblem(t('{label} is required.', { label: field.label }));
    else onSubmit(field, parsed.value);
  };

  return (
    <Modal opened onClose={onClose} title={t('Edit {what}', { what })} size="sm">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <NativeSelect
            label={t('Field')}
            data-autofocus={start === null || undefined}
            value={field?.name ?? ''}
            data={[
              { value: '', label: t('Choose a field') },
              ...fields.map(({ name, label }) => ({ value: name, label })),
            ]}
            onChange={(event) => {
              const chosen = fields.find(({ name }) => name === event.currentTarget.value) ?? null;
              setField(chosen);
              setEntry(chosen && startOf(chosen));
              setProblem(null);
            }}
          />
          {field && entry ? (
            <>
              <FormField
                key={field.id}
                model={model}
                field={field}
                entry={entry}
                problem={problem}
                autofocus={field === start}
                onChange={(next) => {
                  setEntry(next);
                  setProblem(null);
                }}
              />
              <Text size="xs" c="dimmed">
                {t('What you leave empty is emptied in all of them.')}
              </Text>
            </>
          ) : null}
          {fields.length === 0 ? (
            <Alert color="gray" variant="light" p="xs">
              {t('No field of these records can be given one value for all.')}
            </Alert>
          ) : null}
        </Stack>
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button type="submit" disabled={!field}>
            {t('Change {count}', { count: countText(count) })}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
