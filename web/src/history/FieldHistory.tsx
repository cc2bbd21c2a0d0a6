import { Button, Modal, Text } from '@mantine/core';
import { useCallback, useEffect, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { formatInstant, formatRelative } from '../model/dates.ts';
import { rightsOf } from '../model/permissions.ts';
import { isEditable } from '../model/text.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { knownLabel, readLabels } from '../records/recordLabels.ts';
import { changedFields, mentionedIds } from '../timeline/timelineText.ts';
import { actorOf, fieldHistory, PAGE, type PastEvent } from './changes.ts';
import classes from './history.module.css';
import { RevertDialog } from './RevertDialog.tsx';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface FieldHistoryProps {
  model: Model;
  object: ModelObject;
  id: string;
  field: ModelField;
  onClose: () => void;
}

/** Who changed a field of a record, from what to what and when; each former value can be had again. */
export function FieldHistory({ model, object, id, field, onClose }: FieldHistoryProps) {
  const [events, setEvents] = useState<PastEvent[] | null>(null);
  const [hasMore, setHasMore] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [chosen, setChosen] = useState<PastEvent | null>(null);
  const alone = { ...object, fields: [field] };

  const read = useCallback(
    async (before: string | null) => {
      try {
        const found = await fieldHistory(object, id, field, before);
        const mentioned = mentionedIds(
          { ...object, fields: [field] },
          found.flatMap((event) => [event.before, event.after]),
        );
        await Promise.all(
          [...mentioned].map(([objectId, ids]) => {
            const target = model.objects.find((each) => each.id === objectId);
            return target?.isActive ? readLabels(model, target, [...ids]).catch(() => undefined) : undefined;
          }),
        );
        setEvents((all) => [...(before ? (all ?? []) : []), ...found]);
        setHasMore(found.length === PAGE);
      } catch (cause) {
        setFailure(toFailure(cause));
      }
    },
    [model, object, id, field],
  );
  useEffect(() => void read(null), [read]);

  if (chosen)
    return (
      <RevertDialog
        model={model}
        title={t('{label} as it was {happenedAt}', {
          label: field.label,
          happenedAt: formatRelative(chosen.happenedAt),
        })}
        changes={{ objectName: object.nameSingular, recordId: id, fieldName: field.name, afterBatch: chosen.batch }}
        onClose={() => setChosen(null)}
        onDone={onClose}
      />
    );
  const mayRestore = rightsOf(object).canUpdate && isEditable(field);
  const told = (events ?? []).filter(({ action }) => action === 'updated' || action === 'created');
  return (
    <Modal opened onClose={onClose} title={t('History of {label}', { label: inSentence(field.label) })} size={560}>
      {failure ? (
        <Text size="sm" role="alert">
          {[failure.message, failure.hint].filter(Boolean).join(' ')}
        </Text>
      ) : !events ? (
        <Text size="sm" c="dimmed" role="status">
          {t('Reading the history…')}
        </Text>
      ) : told.length === 0 ? (
        <Text size="sm">{t('Nothing is known of this field’s past.')}</Text>
      ) : (
        <ol
          className={classes.list}
          aria-label={t('History of {label}', { label: inSentence(field.label) })}
          tabIndex={0}
        >
          {told.map((event, index) => {
            const [line] = changedFields(
              model,
              alone,
              event.before ?? {},
              event.after ?? {},
              (other) => knownLabel(other) ?? t('a record'),
            );
            const actor = actorOf(event);
            return (
              <li key={`${event.batch} ${event.seq}`} className={classes.entry}>
                <Avatar label={actor} seed={actor} size={20} round />
                <div className={classes.entryText}>
                  {line?.before ? <s className={classes.quiet}>{line.before}</s> : null} <span aria-hidden>→</span>{' '}
                  <b>{line?.after || t('empty')}</b>
                  <div className={classes.quiet}>
                    {actor},{' '}
                    <time dateTime={event.happenedAt} title={formatInstant(event.happenedAt)}>
                      {formatRelative(event.happenedAt)}
                    </time>
                  </div>
                </div>
                {mayRestore && index > 0 ? (
                  <Button
                    variant="default"
                    size="compact-sm"
                    onClick={() => setChosen(event)}
                    aria-label={t('Restore this value: {after}', { after: line?.after || t('empty') })}
                  >
                    {t('Restore this value')}
                  </Button>
                ) : null}
              </li>
            );
          })}
        </ol>
      )}
      {hasMore ? (
        <Button variant="subtle" mt={8} onClick={() => void read(events?.at(-1)?.batch ?? null)}>
          {t('Show more')}
        </Button>
      ) : null}
    </Modal>
  );
}
