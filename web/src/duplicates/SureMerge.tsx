import { Alert, Button, Group, Modal, Progress, Skeleton } from '@mantine/core';
import { useState } from 'react';
import { toFailure } from '../api/failure.ts';
import { mergeStep, sendMerges } from '../merge/calls.ts';
import type { ModelObject } from '../model/types.ts';
import { offerToTakeBack } from '../records/announce.tsx';
import { reasonOf } from '../records/refusals.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { remembering, undoStep } from '../undo/undo.ts';
import { sureDuplicates, type SureGroup } from './calls.ts';
import classes from './duplicates.module.css';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';
import { inSentence } from '../language/inSentence.ts';

const AT_MOST = 500;
const AT_ONCE = 20;

interface SureMergeProps {
  object: ModelObject;
  onClose: () => void;
  /** After some were merged, and after that was taken back. */
  onChanged: () => void;
}

/** Merges all that a criterion which is sure takes for the same: shows what would be, does it in parts, and can take it back. */
export function SureMerge({ object, onClose, onChanged }: SureMergeProps) {
  const { answer, failure } = useInquiry(`sure ${object.id}`, () => sureDuplicates(object.nameSingular, AT_MOST));
  const [done, setDone] = useState<number | null>(null);
  const [left, setLeft] = useState<string[]>([]);
  const groups = answer ?? [];
  const records = groups.reduce((sum, { otherIds }) => sum + otherIds.length + 1, 0);
  const [first] = groups;
  const many = inSentence(object.labelPlural);

  const run = async () => {
    const step = mergeStep(object, records);
    const failed: string[] = [];
    let merged = 0;
    const attempt = async (part: SureGroup[]): Promise<void> => {
      try {
        await sendMerges(object, part, step);
        merged += part.length;
      } catch (cause) {
        // Which of them it was shows when each is sent by itself. What was merged before it is not there any more.
        if (part.length === 1) failed.push(`${part[0]!.label || t('Untitled')}: ${reasonOf(toFailure(cause))}`);
        else {
          const still = await sureDuplicates(object.nameSingular, AT_MOST);
          const open = part.filter((group) => still.some(({ survivorId }) => survivorId === group.survivorId));
          merged += part.length - open.length;
          for (const group of open) await attempt([group]);
        }
      }
    };
    setDone(0);
    await remembering(step, async () => {
      for (let at = 0; at < groups.length; at += AT_ONCE) {
        await attempt(groups.slice(at, at + AT_ONCE));
        setDone(Math.min(at + AT_ONCE, groups.length));
      }
    });
    onChanged();
    if (merged > 0)
      offerToTakeBack(
        t('{merged, plural, one {# group of {many} merged} other {# groups of {many} merged}}', { merged, many }),
        () => undoStep(step, onChanged),
      );
    if (failed.length === 0) onClose();
    else setLeft(failed);
  };

  return (
    <Modal
      opened
      onClose={onClose}
      title={t('Merge sure duplicates of {many}', { many })}
      size="md"
      closeOnClickOutside={done === null}
    >
      {failure ? (
        <Alert color="red" role="alert">
          {reasonOf(failure)}
        </Alert>
      ) : null}
      {!answer && !failure ? <Skeleton height={120} /> : null}
      {answer && !first ? <p>{t('No {many} that you may merge are surely the same.', { many })}</p> : null}
      {first && left.length === 0 ? (
        <>
          <p>
            <b>{records}</b>{' '}
            {first.totalGroups > groups.length ? (
              <Trans
                text={
                  '{many} become <0>{count}</0>. Of each group the fullest stays, gets what it lacks from the others, and all that refers to them. The others go to the trash. {totalGroups} more groups come after these.'
                }
                values={{ many, count: groups.length, totalGroups: first.totalGroups - groups.length }}
                tags={{ 0: <b /> }}
              />
            ) : (
              <Trans
                text={
                  '{many} become <0>{count}</0>. Of each group the fullest stays, gets what it lacks from the others, and all that refers to them. The others go to the trash.'
                }
                values={{ many, count: groups.length }}
                tags={{ 0: <b /> }}
              />
            )}
          </p>
          <ul className={classes.groups} aria-label={t('Groups')} tabIndex={0}>
            {groups.slice(0, 100).map((group) => (
              <li key={group.survivorId}>
                <span>{group.label || t('Untitled')}</span>
                <span className={classes.reason}>{t('{count} records', { count: group.otherIds.length + 1 })}</span>
              </li>
            ))}
            {groups.length > 100 ? <li>{t('and {count} more', { count: groups.length - 100 })}</li> : null}
          </ul>
        </>
      ) : null}
      {left.length > 0 ? (
        <Alert color="yellow" role="alert" title={t('{count} could not be merged', { count: left.length })}>
          <ul className={classes.like}>
            {left.slice(0, 20).map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </Alert>
      ) : null}
      {done !== null && left.length === 0 ? (
        <Progress mt="md" value={(done / Math.max(1, groups.length)) * 100} aria-label={t('Merged so far')} />
      ) : null}
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose}>
          {left.length > 0 ? t('Close') : t('Cancel')}
        </Button>
        {first && left.length === 0 ? (
          <Button loading={done !== null} onClick={() => void run()}>
            {t('{count, plural, one {Merge # group} other {Merge # groups}}', { count: groups.length })}
          </Button>
        ) : null}
      </Group>
    </Modal>
  );
}
