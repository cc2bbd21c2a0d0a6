import { Alert, Button, Group, Modal, Stack } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import type { Failure } from '../api/failure.ts';
import { parseValue } from '../model/parse.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { readValue } from '../model/values.ts';
import { entryOf, FormField, type FormEntry } from '../records/FormField.tsx';
import { reasonOf, type Edit } from '../records/refusals.ts';
import { askedField } from './askedField.ts';
import { t } from '../language/t.ts';

interface MoveAskProps {
  model: Model;
  object: ModelObject;
  group: ModelField;
  row: RecordRow;
  column: string;
  failure: Failure;
  /** Tries again with what was filled in; gives what still stands against it. */
  onTry: (edits: Edit[]) => Promise<Failure | null>;
  onClose: () => void;
}

/** Asks, where a card was put, for what it needs to lie there. */
export function MoveAsk({ model, object, group, row, column, failure: first, onTry, onClose }: MoveAskProps) {
  const [failure, setFailure] = useState(first);
  const [fields, setFields] = useState<ModelField[]>(() => [askedField(object, group, first) ?? []].flat());
  const [entries, setEntries] = useState<{ [fieldId: string]: FormEntry }>({});
  const [misread, setMisread] = useState<{ [fieldId: string]: string }>({});
  const [busy, setBusy] = useState(false);
  const asked = askedField(object, group, failure);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const edits: Edit[] = [];
    const unread: { [fieldId: string]: string } = {};
    for (const field of fields) {
      const entry = entries[field.id] ?? entryOf(field, readValue(model, field, row));
      const parsed = 'text' in entry ? parseValue(field, entry.text, null) : entry;
      if ('reason' in parsed) unread[field.id] = parsed.reason;
      else edits.push({ field, value: parsed.value });
    }
    setMisread(unread);
    if (Object.keys(unread).length > 0) return;
    setBusy(true);
    const next = await onTry(edits);
    setBusy(false);
    if (!next) return onClose();
    const more = askedField(object, group, next);
    setFailure(next);
    if (more && !fields.includes(more)) setFields([...fields, more]);
  };

  return (
    <Modal opened onClose={onClose} title={t('Before it comes to {column}', { column })} size="sm">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          {fields.map((field) => (
            <FormField
              key={field.id}
              model={model}
              field={field}
              entry={entries[field.id] ?? entryOf(field, readValue(model, field, row))}
              problem={misread[field.id] ?? (asked?.id === field.id ? reasonOf(failure) : null)}
              autofocus={field === asked}
              onChange={(entry) => setEntries((all) => ({ ...all, [field.id]: entry }))}
            />
          ))}
          {asked ? null : (
            <Alert color="red" variant="light" p="xs" role="alert">
              {reasonOf(failure)}
            </Alert>
          )}
        </Stack>
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            {t('Leave it where it was')}
          </Button>
          <Button type="submit" loading={busy}>
            {t('Move')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
