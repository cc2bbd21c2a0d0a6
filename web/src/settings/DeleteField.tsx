import { Alert, Button, Group, Modal, Select } from '@mantine/core';
import { useState } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import type { Change } from '../model/planning.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { Dependents, mayGo, useDependents } from './Dependents.tsx';
import classes from './editor.module.css';
import { useSubmit } from './formFailure.ts';
import { proposeChanges } from './planStore.ts';
import { useIsTop } from './useIsTop.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface DeleteFieldProps {
  object: ModelObject;
  field: ModelField;
  onClose: () => void;
  onDeleted: () => void;
}

export function DeleteField({ object, field, onClose, onDeleted }: DeleteFieldProps) {
  const [replacement, setReplacement] = useState<string | null>(null);
  const { busy, submit, problem } = useSubmit();
  const uses = useDependents('field', field.id);
  const others = object.fields.filter(
    (other) => other.id !== field.id && other.isActive && !other.isSystem && other.type === field.type,
  );
  const remove = () =>
    submit(async () => {
      const changes: Change[] = [{ op: 'delete', table: 'fields', id: field.id }];
      if (replacement) changes.unshift({ op: 'replaceUses', fieldId: field.id, withFieldId: replacement });
      const isApplied = await proposeChanges(t('Delete “{label}”', { label: field.label }), changes, {
        verb: t('Delete'),
        always: true,
      });
      if (isApplied) onDeleted();
    });
  return (
    <Modal opened onClose={onClose} closeOnEscape={useIsTop()} title={t('Delete “{label}”?', { label: field.label })}>
      <div className={classes.form}>
        <p className={classes.note}>
          {t(
            'The field leaves the tables, the API and psql. Its values are kept for a while and can be restored under Data model, Deleted.',
          )}
        </p>
        <Dependents uses={uses} replacement={others.find((other) => other.id === replacement)?.label ?? null} />
        {others.length > 0 && uses.answer?.some((use) => use.isBlocking) ? (
          <Select
            label={t('What uses it takes instead')}
            placeholder={t('Choose a field')}
            clearable
            searchable
            data={others.map((other) => ({ value: other.id, label: other.label }))}
            value={replacement}
            onChange={setReplacement}
            description={t('Another {label} field', { label: inSentence(FIELD_TYPES[field.type].label) })}
          />
        ) : null}
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button
            color="red"
            loading={busy}
            disabled={!mayGo(uses, replacement !== null)}
            onClick={() => void remove()}
          >
            {t('Delete field')}
          </Button>
        </Group>
      </div>
    </Modal>
  );
}
