import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { toFailure } from '../api/failure.ts';
import { labelField } from '../model/lookup.ts';
import { parseValue } from '../model/text.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { toPatch } from '../model/values.ts';
import { createRecord } from './changes.ts';

interface CreateModalProps {
  model: Model;
  object: ModelObject;
  fields: ModelField[];
  /** Columns that are set beforehand, such as the company on whose page a person is added. */
  values: { [name: string]: ColumnValue };
  onClose: () => void;
  onCreated: (row: RecordRow) => void;
}

export function CreateModal({ model, object, fields, values, onClose, onCreated }: CreateModalProps) {
  const label = labelField(object);
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const parsed = label ? parseValue(label, text, null) : { value: null };
    if ('reason' in parsed) {
      setProblem(parsed.reason);
      return;
    }
    setBusy(true);
    try {
      const row = await createRecord(model, object, fields, {
        ...values,
        ...(label ? toPatch(label, parsed.value) : {}),
      });
      onClose();
      onCreated(row);
    } catch (cause) {
      const failure = toFailure(cause);
      setProblem([failure.message, failure.hint].filter(Boolean).join(' '));
      setBusy(false);
    }
  };

  return (
    <Modal opened onClose={onClose} title={`New ${object.labelSingular.toLowerCase()}`} size="sm">
      <form onSubmit={submit}>
        <TextInput
          label={label?.label ?? 'Label'}
          value={text}
          error={problem}
          onChange={(event) => setText(event.currentTarget.value)}
          data-autofocus
          autoComplete="off"
        />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Create
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
