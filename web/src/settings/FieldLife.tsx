import { Button, Group } from '@mantine/core';
import { useState } from 'react';
import { planReset } from '../model/planning.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { Aliases } from './Aliases.tsx';
import { DeleteField } from './DeleteField.tsx';
import classes from './editor.module.css';
import { propose, proposeChanges } from './planStore.ts';
import { t } from '../language/t.ts';

interface FieldLifeProps {
  object: ModelObject;
  field: ModelField;
  onClose: () => void;
}

/** What becomes of a field as a whole: its former names, whether it is shown, and its end. */
export function FieldLife({ object, field, onClose }: FieldLifeProps) {
  const [deleting, setDeleting] = useState(false);
  const isLabel = object.labelFieldId === field.id;

  const toggle = async () => {
    try {
      const isApplied = await proposeChanges(
        field.isActive
          ? t('Deactivate “{label}”', { label: field.label })
          : t('Reactivate “{label}”', { label: field.label }),
        [{ op: 'update', table: 'fields', id: field.id, values: { isActive: !field.isActive } }],
      );
      if (isApplied) onClose();
    } catch (cause) {
      announceFailure(t('“{label}” was not changed', { label: field.label }), cause);
    }
  };
  const reset = () =>
    propose({
      title: t('Reset “{label}” to standard', { label: field.label }),
      verb: t('Reset'),
      replan: () => planReset('field', field.id),
      always: true,
    })
      .then((isApplied) => isApplied && onClose())
      .catch((cause: unknown) => announceFailure(t('“{label}” was not reset', { label: field.label }), cause));

  return (
    <>
      <Aliases aliases={field.aliases} />
      <Group gap={8} className={classes.life}>
        {field.isSystem ? null : (
          <Button variant="default" disabled={isLabel && field.isActive} onClick={() => void toggle()}>
            {field.isActive ? t('Deactivate') : t('Reactivate')}
          </Button>
        )}
        {field.isCustom ? null : (
          <Button variant="default" onClick={() => void reset()}>
            {t('Reset to standard')}
          </Button>
        )}
        {field.isCustom ? (
          <Button variant="subtle" color="red" disabled={isLabel} onClick={() => setDeleting(true)}>
            {t('Delete field…')}
          </Button>
        ) : null}
        {isLabel && field.isCustom ? (
          <span className={classes.dim}>{t('It names the records, so it stays.')}</span>
        ) : null}
      </Group>
      {deleting ? (
        <DeleteField object={object} field={field} onClose={() => setDeleting(false)} onDeleted={onClose} />
      ) : null}
    </>
  );
}
