import { Button, Group, Modal, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { apiName, nameProblem } from '../model/names.ts';
import type { FieldType, ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { createChanges, emptyDraft } from '../settings/fieldDraft.ts';
import { newOption } from '../settings/optionDrafts.ts';
import { proposeChanges } from '../settings/planStore.ts';
import { guessType } from './guessType.ts';
import { t } from '../language/t.ts';

const OFFERED: FieldType[] = [
  'TEXT', 'NUMBER', 'CURRENCY', 'PERCENT', 'DATE', 'DATE_TIME', 'BOOLEAN', 'SELECT', 'MULTI_SELECT', 'EMAILS', 'PHONES', 'LINKS', 'RICH_TEXT', 'RATING', 'ARRAY',
]; // prettier-ignore
const MAX_OPTIONS = 40;

interface NewFieldDialogProps {
  object: ModelObject;
  header: string;
  samples: string[];
  onClose: () => void;
  onCreated: (name: string) => void;
}

/** A field for a column that has none yet, of the type that its cells look like. */
export function NewFieldDialog({ object, header, samples, onClose, onCreated }: NewFieldDialogProps) {
  const [label, setLabel] = useState(header);
  const [type, setType] = useState<FieldType>(() => guessType(samples));
  const [busy, setBusy] = useState(false);
  const name = apiName(label);
  const taken = object.fields.some((field) => field.name === name);
  const problem = label.trim() === '' ? null : taken ? t('The object has a field of this name.') : nameProblem(name);

  const create = async () => {
    setBusy(true);
    try {
      const draft = { ...emptyDraft(type, label), options: optionsOf(type, samples) };
      const { changes } = createChanges(object, draft, undefined);
      if (await proposeChanges(t('New field “{label}”', { label: label.trim() }), changes)) onCreated(name);
    } catch (cause) {
      announceFailure(t('The field was not created'), cause);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal opened onClose={onClose} title={t('New field for “{header}”', { header })}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (label.trim() !== '' && !problem) void create();
        }}
      >
        <TextInput
          label={t('Name')}
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
          error={problem}
          data-autofocus
        />
        <Select
          mt="sm"
          label={t('Type')}
          allowDeselect={false}
          data={OFFERED.map((value) => ({ value, label: FIELD_TYPES[value].label }))}
          value={type}
          onChange={(value) => value && setType(value as FieldType)}
          description={
            type === 'SELECT' || type === 'MULTI_SELECT'
              ? t('Its options are the values of the first rows.')
              : undefined
          }
        />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button type="submit" loading={busy} disabled={label.trim() === '' || problem !== null}>
            {t('Create the field')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}

function optionsOf(type: FieldType, samples: string[]) {
  if (type !== 'SELECT' && type !== 'MULTI_SELECT') return [];
  const items = samples.flatMap((cell) => (type === 'SELECT' ? [cell] : cell.split(cell.includes(';') ? ';' : ',')));
  const labels = [...new Set(items.map((item) => item.trim()).filter(Boolean))].slice(0, MAX_OPTIONS);
  return labels.map((label, index) => ({ ...newOption(index), label }));
}
