import { Button, Checkbox, Group, Modal, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useEffect, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { objectNamed } from '../model/lookup.ts';
import type { Model } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { knownLabel, readLabels } from '../records/recordLabels.ts';
import { changedFields, mentionedIds } from '../timeline/timelineText.ts';
import { conflictText, planRevert, revert, type Changes, type Decisions, type PlannedRecord } from './changes.ts';
import classes from './history.module.css';
import { t } from '../language/t.ts';

interface RevertDialogProps {
  model: Model;
  title: string;
  changes: Changes;
  onClose: () => void;
  /** The request that took them back is a change itself. */
  onDone?: (requestId: string) => void;
}

const counted = (count: number): string => t('{count, plural, one {# record} other {# records}}', { count });

/** Shows what would become of each record if changes were taken back and what is in the way, and takes them back. */
export function RevertDialog({ model, title, changes, onClose, onDone }: RevertDialogProps) {
  const [plan, setPlan] = useState<PlannedRecord[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const [isReading, setIsReading] = useState(false);
  const [decisions, setDecisions] = useState<Decisions>({});
  const key = JSON.stringify(changes);
  useEffect(() => {
    let isWanted = true;
    const read = async () => {
      try {
        const found = await planRevert(JSON.parse(key) as Changes, 0);
        await Promise.all(found.map((one) => readMentioned(model, one)));
        if (isWanted) setPlan(found);
      } catch (cause) {
        if (isWanted) setFailure(toFailure(cause));
      }
    };
    void read();
    return () => {
      isWanted = false;
    };
  }, [key, model]);

  const readMore = async () => {
    setIsReading(true);
    try {
      const found = await planRevert(changes, plan?.length ?? 0);
      await Promise.all(found.map((one) => readMentioned(model, one)));
      setPlan((all) => [...(all ?? []), ...found]);
    } catch (cause) {
      announceFailure(t('No more could be read'), cause);
    }
    setIsReading(false);
  };

  const decide = (recordId: string, column: string, isOverwritten: boolean) =>
    setDecisions((all) => {
      const ofRecord = Object.entries(all[recordId] ?? {}).filter(([name]) => name !== column);
      if (isOverwritten) ofRecord.push([column, 'OVERWRITE']);
      const others = Object.entries(all).filter(([id]) => id !== recordId);
      return Object.fromEntries(ofRecord.length > 0 ? [...others, [recordId, Object.fromEntries(ofRecord)]] : others);
    });

  const run = async (onConflict: 'REFUSE' | 'SKIP' | 'OVERWRITE') => {
    setBusy(true);
    try {
      const { reverted, skipped, requestId } = await revert(
        changes,
        onConflict,
        onConflict === 'SKIP' ? decisions : {},
      );
      notifications.show({
        message:
          skipped > 0
            ? t(
                '{reverted, plural, one {# record taken back, {skipped} left as they are.} other {# records taken back, {skipped} left as they are.}}',
                { reverted, skipped },
              )
            : t('{reverted, plural, one {# record taken back.} other {# records taken back.}}', { reverted }),
      });
      onDone?.(requestId);
      onClose();
    } catch (cause) {
      announceFailure(t('Not taken back'), cause);
      setBusy(false);
    }
  };

  const total = plan?.[0]?.total ?? 0;
  const conflicting = plan?.[0]?.conflicting ?? 0;
  const isDecided = Object.keys(decisions).length > 0;
  const canOverwrite = plan?.some(({ conflicts }) => conflicts.some(({ kind }) => kind === 'CHANGED_SINCE'));
  return (
    <Modal opened onClose={onClose} title={title} size={560}>
      {failure ? (
        <Text size="sm" role="alert">
          {[failure.message, failure.hint].filter(Boolean).join(' ')}
        </Text>
      ) : !plan ? (
        <Text size="sm" c="dimmed" role="status">
          {t('Looking at what would change…')}
        </Text>
      ) : total === 0 ? (
        <Text size="sm">
          {t(
            'There is nothing to take back: it was taken back already, or what it did is nothing that you may change.',
          )}
        </Text>
      ) : (
        <>
          <Text size="sm" c="dimmed" mb={4}>
            {conflicting > 0
              ? conflicting === total
                ? t(
                    '{total, plural, one {# record would change, but something is in the way.} other {# records would change, but in all of them something is in the way.}}',
                    { total },
                  )
                : t(
                    '{total, plural, one {# record would change.} other {# records would change. In {conflicting} something is in the way.}}',
                    { total, conflicting },
                  )
              : t('{total, plural, one {# record would change.} other {# records would change.}}', { total })}
          </Text>
          <ul className={classes.list} aria-label={t('What would change')} tabIndex={0}>
            {plan.map((planned) => (
              <PlannedItem
                key={`${planned.objectName} ${planned.recordId}`}
                model={model}
                planned={planned}
                decided={decisions[planned.recordId] ?? {}}
                onDecide={(column, isOverwritten) => decide(planned.recordId, column, isOverwritten)}
              />
            ))}
          </ul>
          {total > plan.length ? (
            <Group gap="sm" mt={6}>
              <Text size="sm" c="dimmed">
                {t('And {total} more.', { total: counted(total - plan.length) })}
              </Text>
              <Button size="compact-sm" variant="subtle" loading={isReading} onClick={() => void readMore()}>
                {t('Show more')}
              </Button>
            </Group>
          ) : null}
        </>
      )}
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose}>
          {total === 0 ? t('Close') : t('Cancel')}
        </Button>
        {total > 0 && conflicting === 0 ? (
          <Button loading={busy} onClick={() => void run('REFUSE')} data-autofocus>
            {t('Take back')}
          </Button>
        ) : null}
        {conflicting > 0 && canOverwrite && !isDecided ? (
          <Button variant="outline" color="red" disabled={busy} onClick={() => void run('OVERWRITE')}>
            {t('Overwrite what came since')}
          </Button>
        ) : null}
        {conflicting > 0 ? (
          <Button loading={busy} onClick={() => void run('SKIP')}>
            {isDecided ? t('Take back as chosen') : t('Leave these out')}
          </Button>
        ) : null}
      </Group>
    </Modal>
  );
}

async function readMentioned(model: Model, planned: PlannedRecord): Promise<void> {
  const object = objectNamed(model, planned.objectName);
  if (!object) return;
  const mentioned = mentionedIds(object, [planned.before, planned.after]);
  await Promise.all(
    [...mentioned].map(([objectId, ids]) => {
      const target = model.objects.find(({ id }) => id === objectId);
      return target?.isActive ? readLabels(model, target, [...ids]).catch(() => undefined) : undefined;
    }),
  );
}

const ACTIONS = { UPDATE: '', DELETE: t('goes to the trash'), RESTORE: t('comes back from the trash') };

interface PlannedItemProps {
  model: Model;
  planned: PlannedRecord;
  decided: { [column: string]: 'OVERWRITE' };
  onDecide: (column: string, isOverwritten: boolean) => void;
}

function PlannedItem({ model, planned, decided, onDecide }: PlannedItemProps) {
  const object = objectNamed(model, planned.objectName);
  const lines = object
    ? changedFields(model, object, planned.before ?? {}, planned.after ?? {}, (id) => knownLabel(id) ?? t('a record'))
    : [];
  return (
    <li className={classes.item}>
      <div className={classes.itemHead}>
        {object ? <ObjectIcon name={object.icon} color={object.color} size={14} /> : null}
        <span className={classes.itemLabel}>{planned.label || object?.labelSingular || t('A record')}</span>
        <span className={classes.quiet}>{ACTIONS[planned.action]}</span>
      </div>
      {lines.map((line) => (
        <div key={line.label} className={classes.quiet}>
          {line.label} {line.before ? <s>{line.before}</s> : null} <span aria-hidden>→</span>{' '}
          <span className={classes.after}>{line.after || t('empty')}</span>
        </div>
      ))}
      {planned.conflicts.map((conflict) => (
        <div key={`${conflict.kind} ${conflict.column ?? ''}`} className={classes.conflict}>
          {conflictText(object, conflict)}
          {conflict.kind === 'CHANGED_SINCE' ? (
            <Checkbox
              size="xs"
              mt={2}
              label={conflict.column ? t('Take the old value all the same') : t('Delete it all the same')}
              checked={decided[conflict.column ?? ''] !== undefined}
              onChange={(event) => onDecide(conflict.column ?? '', event.currentTarget.checked)}
            />
          ) : null}
        </div>
      ))}
    </li>
  );
}
