import { Button, Group } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { formatRelative } from '../model/dates.ts';
import { typeChanges, undoTypeChange } from '../model/inquiries.ts';
import { useWholeModel } from '../model/store.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import classes from './editor.module.css';
import { ChangeType } from './ChangeType.tsx';
import { convertibleTypes } from './conversions.ts';
import { useInquiry } from './useInquiry.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** The type of a field that exists: what it is, how to make it another, and how to take that back. */
export function TypeRow({ object, field }: { object: ModelObject; field: ModelField }) {
  const model = useWholeModel();
  const [opened, setOpened] = useState(false);
  const [busy, setBusy] = useState(false);
  const { answer, again } = useInquiry(field.isSystem ? null : `${field.id} ${model.version}`, () =>
    typeChanges(field.id),
  );
  const { icon: TypeIcon, label } = FIELD_TYPES[field.type];
  const last = answer?.find((change) => change.status !== 'UNDONE');

  const undo = async (id: string, from: string) => {
    setBusy(true);
    try {
      await undoTypeChange(id);
      notifications.show({ message: t('“{label}” is {from} again.', { label: field.label, from }) });
    } catch (cause) {
      announceFailure(t('The type was not changed back'), cause);
    }
    setBusy(false);
    again();
  };

  return (
    <>
      <div className={classes.typeRow}>
        <TypeIcon size={17} stroke={1.75} aria-hidden />
        <span>
          <strong>{label}</strong>
          {field.resultType ? (
            <> {t('giving {label}', { label: inSentence(FIELD_TYPES[field.resultType].label) })}</>
          ) : null}
        </span>
        {!field.isSystem && convertibleTypes(field.type).length > 0 ? (
          <Button variant="default" onClick={() => setOpened(true)}>
            {t('Change type…')}
          </Button>
        ) : null}
      </div>
      {last && last.status !== 'RUNNING' ? (
        <Group className={classes.undo} justify="space-between" wrap="nowrap">
          <span>
            {Number(last.failedValues) > 0
              ? t(
                  '{count, plural, one {Was {label} until {changedAt}; # value was emptied.} other {Was {label} until {changedAt}; # values were emptied.}}',
                  {
                    count: Number(last.failedValues),
                    label: inSentence(FIELD_TYPES[last.fromType]?.label ?? last.fromType),
                    changedAt: formatRelative(last.changedAt),
                  },
                )
              : t('Was {label} until {changedAt}.', {
                  label: inSentence(FIELD_TYPES[last.fromType]?.label ?? last.fromType),
                  changedAt: formatRelative(last.changedAt),
                })}
          </span>
          <Button
            variant="subtle"
            color="gray"
            loading={busy}
            onClick={() => void undo(last.id, inSentence(FIELD_TYPES[last.fromType]?.label ?? last.fromType))}
          >
            {t('Undo')}
          </Button>
        </Group>
      ) : null}
      {opened ? <ChangeType object={object} field={field} onClose={() => setOpened(false)} /> : null}
    </>
  );
}
