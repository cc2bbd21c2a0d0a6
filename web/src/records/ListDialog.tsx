import { Button, Group, Modal, NativeSelect, SegmentedControl, Stack, Text } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { toFailure } from '../api/failure.ts';
import { inSentence } from '../language/inSentence.ts';
import { t } from '../language/t.ts';
import { countText } from '../model/formats.ts';
import { useMay } from '../model/store.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { isLink, type FieldValue, type Link } from '../model/values.ts';
import { FormField } from './FormField.tsx';
import { listField, listFields } from './lists.ts';

const KEEP = gql<unknown, { object: string }>(
  'mutation KeepLists($object: UUID!) { keepLists(input: { objectId: $object }) { result } }',
);

interface ListDialogProps {
  model: Model;
  object: ModelObject;
  count: number;
  onClose: () => void;
  onSubmit: (field: ModelField, links: Link[], areLinked: boolean) => void;
}

/** Puts many records on lists, new ones too, or takes them off. */
export function ListDialog({ model, object, count, onClose, onSubmit }: ListDialogProps) {
  const fields = listFields(object);
  const mayKeepLists = useMay('DATA_MODEL');
  const [chosen, setChosen] = useState<string | null>(null);
  const [value, setValue] = useState<FieldValue>(null);
  const [areLinked, setAreLinked] = useState(true);
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const lists = listField(model, object);
  const field = fields.find(({ id }) => id === chosen) ?? lists ?? fields[0];
  const named = inSentence(object.labelPlural);
  const what = `${countText(count)} ${count === 1 ? inSentence(object.labelSingular) : named}`;

  const keep = async () => {
    setIsBusy(true);
    setProblem(null);
    try {
      await requestMetadata(KEEP, { object: object.id });
    } catch (cause) {
      const { message, hint } = toFailure(cause);
      setProblem([message, hint].filter(Boolean).join(' '));
    }
    setIsBusy(false);
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const links = Array.isArray(value) ? value.filter(isLink) : [];
    if (!field) return;
    if (links.length === 0) setProblem(t('Choose at least one.'));
    else onSubmit(field, links, areLinked);
  };

  return (
    <Modal
      opened
      onClose={onClose}
      size="sm"
      title={areLinked ? t('Add {what} to a list', { what }) : t('Take {what} off a list', { what })}
    >
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          {field ? (
            <>
              <SegmentedControl
                aria-label={t('What to do')}
                value={areLinked ? 'add' : 'remove'}
                onChange={(next) => setAreLinked(next === 'add')}
                data={[
                  { value: 'add', label: t('Add') },
                  { value: 'remove', label: t('Take off') },
                ]}
              />
              {fields.length > 1 ? (
                <NativeSelect
                  label={t('By the field')}
                  value={field.id}
                  data={fields.map(({ id, label }) => ({ value: id, label }))}
                  onChange={(event) => {
                    setChosen(event.currentTarget.value);
                    setValue(null);
                    setProblem(null);
                  }}
                />
              ) : null}
              <FormField
                key={field.id}
                model={model}
                field={field}
                entry={{ value }}
                problem={problem}
                autofocus
                onChange={(entry) => {
                  if ('value' in entry) setValue(entry.value);
                  setProblem(null);
                }}
              />
            </>
          ) : null}
          {lists ? null : (
            <>
              <Text size="sm" c="dimmed">
                {t('Lists hold records that are put together by hand. {named} are not kept on lists yet.', {
                  named: object.labelPlural,
                })}
              </Text>
              {field || problem === null ? null : (
                <Text size="sm" c="var(--mantine-color-error)" role="alert">
                  {problem}
                </Text>
              )}
              {mayKeepLists ? (
                <Button variant="default" loading={isBusy} onClick={() => void keep()} data-autofocus={!field}>
                  {t('Keep lists of {named}', { named })}
                </Button>
              ) : null}
            </>
          )}
        </Stack>
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button type="submit" disabled={!field}>
            {areLinked ? t('Add') : t('Take off')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
