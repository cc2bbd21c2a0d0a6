import { Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { dismissDuplicates, findDuplicates, type Duplicate } from '../duplicates/calls.ts';
import { reasonText } from '../duplicates/reasonText.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { rightsOf } from '../model/permissions.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { announceFailure, offerToTakeBack } from './announce.tsx';
import { ReadFailure } from './ReadFailure.tsx';
import classes from './RecordView.module.css';
import { useLiveObjects } from './useLiveObject.ts';
import { t } from '../language/t.ts';

const MergeDialog = lazy(async () => ({ default: (await import('../merge/MergeDialog.tsx')).MergeDialog }));

/** On a record's page: the records that the criteria of its object take for the same. None, nothing. */
export function Duplicates({ model, object, id }: { model: Model; object: ModelObject; id: string }) {
  const navigate = useNavigate();
  const [found, setFound] = useState<Duplicate[]>([]);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [merging, setMerging] = useState<string[] | null>(null);
  const asks = object.duplicateCriteria.length > 0;
  const rights = rightsOf(object);
  const read = useCallback(async () => {
    if (!asks) return;
    try {
      setFound(await findDuplicates(object.nameSingular, id));
      setFailure(null);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
  }, [asks, object.nameSingular, id]);
  useEffect(() => void read(), [read]);
  useLiveObjects([object.id], () => void read());

  const tellApart = async (other: Duplicate) => {
    const ids = [id, other.recordId];
    try {
      await dismissDuplicates(object.nameSingular, ids, true);
      offerToTakeBack(t('Remembered as two different records'), async () => {
        await dismissDuplicates(object.nameSingular, ids, false).catch((cause: unknown) =>
          announceFailure(t('Not taken back'), cause),
        );
        await read();
      });
    } catch (cause) {
      announceFailure(t('Not remembered'), cause);
    }
    await read();
  };

  if (failure)
    return (
      <section className={classes.block} aria-label={t('Possible duplicates')}>
        <ReadFailure what={t('Possible duplicates')} failure={failure} onRetry={() => void read()} />
      </section>
    );
  if (!asks || (found.length === 0 && !merging)) return null;
  const mayMerge = rights.canUpdate && rights.canDelete;
  return (
    <section className={classes.block} aria-label={t('Possible duplicates')}>
      <div className={classes.blockHead}>
        <h2 className={classes.blockTitle}>{t('Possible duplicates')}</h2>
        <span className={classes.count}>{found.length}</span>
        {mayMerge && found.length > 1 && found.length < 9 ? (
          <Button
            size="compact-xs"
            variant="default"
            ml="auto"
            onClick={() => setMerging([id, ...found.map(({ recordId }) => recordId)])}
          >
            {t('Merge all…')}
          </Button>
        ) : null}
      </div>
      <ul className={classes.rows}>
        {found.map((each) => {
          const label = each.label || t('Untitled');
          return (
            <li key={each.recordId} className={classes.relatedRow}>
              <Link
                to="/objects/$namePlural/$id"
                params={{ namePlural: object.namePlural, id: each.recordId }}
                className={classes.relatedLink}
              >
                <Avatar
                  label={each.label ?? ''}
                  seed={each.recordId}
                  size={20}
                  round={object.nameSingular === 'person'}
                />
                <span className={classes.relatedLabel}>{label}</span>
              </Link>
              <span className={classes.relatedDetail}>{reasonText(object, each.reasons)}</span>
              {rights.canUpdate ? (
                <Button
                  size="compact-xs"
                  variant="subtle"
                  color="gray"
                  aria-label={t('{label} is not the same', { label })}
                  onClick={() => void tellApart(each)}
                >
                  {t('Not the same')}
                </Button>
              ) : null}
              {mayMerge ? (
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={t('Merge with {label}', { label })}
                  onClick={() => setMerging([id, each.recordId])}
                >
                  {t('Merge…')}
                </Button>
              ) : null}
            </li>
          );
        })}
      </ul>
      {merging ? (
        <Suspense fallback={null}>
          <MergeDialog
            model={model}
            object={object}
            ids={merging}
            onClose={() => setMerging(null)}
            onMerged={(survivorId) => {
              if (survivorId === id) void read();
              else
                void navigate({
                  to: '/objects/$namePlural/$id',
                  params: { namePlural: object.namePlural, id: survivorId },
                });
            }}
            onUndone={() => void read()}
          />
        </Suspense>
      ) : null}
    </section>
  );
}
