import { Badge, Button, SegmentedControl, Select, Skeleton } from '@mantine/core';
import { IconGitMerge, IconRefresh } from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { Message } from '../app/Message.tsx';
import { Avatar } from '../fields/Avatar.tsx';
import { formatRelative } from '../model/dates.ts';
import { objectNamed } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { useMay, useModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { announceFailure, offerToTakeBack } from '../records/announce.tsx';
import { PageHeader } from '../records/PageHeader.tsx';
import { useLiveObjects } from '../records/useLiveObject.ts';
import {
  dismissDuplicates,
  listDuplicates,
  PAIRS_PAGE,
  readScan,
  startScan,
  type Pair,
  type ScanState,
} from './calls.ts';
import { readCriteria } from './criteria.ts';
import classes from './duplicates.module.css';
import { percent, reasonText } from './reasonText.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';
import { andList } from '../language/lists.ts';

const MergeDialog = lazy(async () => ({ default: (await import('../merge/MergeDialog.tsx')).MergeDialog }));
const SureMerge = lazy(async () => ({ default: (await import('./SureMerge.tsx')).SureMerge }));

/** What was found longer ago is looked for anew when somebody comes to see it. */
const FRESH_MS = 5 * 60_000;
const POLL_MS = 1_500;

const keyOf = (pair: Pair): string => `${pair.firstId} ${pair.secondId}`;

/** Records that may be the same, of all objects or of one: merged, or said to be none. */
export function DuplicatesPage() {
  const model = useModel();
  const { object: name, dismissed } = useSearch({ from: '/duplicates' });
  const navigate = useNavigate({ from: '/duplicates' });
  const keepsModel = useMay('DATA_MODEL');
  const [pairs, setPairs] = useState<Pair[] | null>(null);
  const [hasMore, setHasMore] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [scan, setScan] = useState<ScanState | null>(null);
  const [merging, setMerging] = useState<Pair | null>(null);
  const [sure, setSure] = useState<ModelObject | null>(null);
  const objects = model.objects.filter(
    (each) => each.isActive && !each.isJunction && each.duplicateCriteria.length > 0,
  );
  const isDismissed = dismissed === true;
  const compares = objects.length > 0;

  const shown = useRef(PAIRS_PAGE);
  const asked = useRef(0);
  const read = useCallback(
    async (more = false) => {
      if (!compares) return;
      const ask = (asked.current += 1);
      try {
        const wanted = more ? shown.current + PAIRS_PAGE : shown.current;
        const found = await listDuplicates(name, isDismissed, 0, Math.min(wanted, 200));
        if (ask !== asked.current) return;
        shown.current = wanted;
        setPairs(found);
        setHasMore(found.length >= wanted && wanted < 200);
        setFailure(null);
      } catch (cause) {
        setFailure(toFailure(cause));
      }
    },
    [name, isDismissed, compares],
  );
  // The list may be another by the time that a change is kept.
  const readShown = useRef(read);
  useEffect(() => {
    readShown.current = read;
    shown.current = PAIRS_PAGE;
    void read();
  }, [read]);
  useLiveObjects(
    objects.map(({ id }) => id),
    () => void read(),
  );

  const look = useCallback(() => {
    startScan().then(setScan, (cause: unknown) => announceFailure(t('Duplicates are not looked for'), cause));
  }, []);
  useEffect(() => {
    if (!compares) return;
    readScan().then(
      (state) => {
        setScan(state);
        const age = state.scannedAt === null ? Infinity : Date.now() - new Date(state.scannedAt).getTime();
        if (age > FRESH_MS) look();
      },
      () => undefined,
    );
  }, [compares, look]);
  const isRunning = scan?.isRunning === true;
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => {
      readScan().then(
        (state) => {
          setScan(state);
          if (!state.isRunning) void read();
        },
        () => undefined,
      );
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [isRunning, read]);

  const tellApart = async (pair: Pair, apart: boolean) => {
    const ids = [pair.firstId, pair.secondId];
    setPairs((before) => before?.filter((each) => keyOf(each) !== keyOf(pair)) ?? null);
    try {
      await dismissDuplicates(pair.objectName, ids, apart);
      offerToTakeBack(apart ? t('Remembered as two different records') : t('Listed as duplicates again'), async () => {
        await dismissDuplicates(pair.objectName, ids, !apart).catch((cause: unknown) =>
          announceFailure(t('Not taken back'), cause),
        );
        await readShown.current();
      });
    } catch (cause) {
      announceFailure(t('Not remembered'), cause);
    }
    await readShown.current();
  };

  const chosen = name === undefined ? undefined : objectNamed(model, name);
  const mergeable = (chosen ? [chosen] : objects).filter(
    (each) => rightsOf(each).canUpdate && rightsOf(each).canDelete && readCriteria(each).some(({ isSure }) => isSure),
  );
  const list = pairs ?? [];
  const mergingObject = merging ? objectNamed(model, merging.objectName) : undefined;
  const sureOnes = mergeable.filter((each) =>
    list.some((pair) => pair.isSure && pair.objectName === each.nameSingular),
  );

  return (
    <>
      <PageHeader
        icon={<IconGitMerge size={17} stroke={1.75} aria-hidden />}
        title={t('Duplicates')}
        actions={
          compares ? (
            <Button variant="default" leftSection={<IconRefresh size={14} />} loading={isRunning} onClick={look}>
              {t('Look again')}
            </Button>
          ) : null
        }
      />
      {compares ? (
        <div className={classes.tools}>
          <Select
            className={classes.object}
            size="xs"
            aria-label={t('Object')}
            placeholder={t('All objects')}
            clearable
            data={objects.map((each) => ({ value: each.nameSingular, label: each.labelPlural }))}
            value={name ?? null}
            onChange={(next) => void navigate({ search: (before) => ({ ...before, object: next ?? undefined }) })}
          />
          <SegmentedControl
            size="xs"
            aria-label={t('Which')}
            data={[
              { value: 'open', label: t('May be the same') },
              { value: 'dismissed', label: t('Not the same') },
            ]}
            value={isDismissed ? 'dismissed' : 'open'}
            onChange={(next) =>
              void navigate({
                search: (before) => ({ ...before, dismissed: next === 'dismissed' ? true : undefined }),
              })
            }
          />
          {isDismissed
            ? null
            : sureOnes.map((each) => (
                <Button key={each.id} size="xs" variant="light" onClick={() => setSure(each)}>
                  {t('Merge sure {labelPlural}…', { labelPlural: inSentence(each.labelPlural) })}
                </Button>
              ))}
          <span className={classes.state} role="status">
            {isRunning
              ? t('Looking for duplicates…')
              : scan?.scannedAt
                ? t('Looked {scannedAt}', { scannedAt: formatRelative(scan.scannedAt) })
                : ''}
          </span>
        </div>
      ) : (
        <Message
          icon={<IconGitMerge size={22} stroke={1.5} />}
          title={t('Nothing says yet what duplicates are')}
          actions={
            keepsModel ? (
              <Button variant="default" renderRoot={(props) => <Link to="/settings/model" {...props} />}>
                {t('Open the data model')}
              </Button>
            ) : undefined
          }
        >
          {t('In the settings of an object one says which fields tell that two records are the same.')}
        </Message>
      )}
      {failure ? (
        <Message
          tone="alert"
          title={t('Duplicates could not be read')}
          actions={<Button onClick={() => void read()}>{t('Try again')}</Button>}
        >
          {[failure.message, failure.hint].filter(Boolean).join(' ')}
        </Message>
      ) : null}
      {compares && !pairs && !failure ? (
        <div className={classes.list}>
          <Skeleton height={160} mt="md" />
        </div>
      ) : null}
      {pairs && list.length === 0 && !failure ? (
        <Message
          icon={<IconGitMerge size={22} stroke={1.5} />}
          title={
            isDismissed ? t('Nothing was told apart') : isRunning ? t('Looking for duplicates…') : t('No duplicates')
          }
        >
          {isDismissed
            ? t('What somebody says is not the same stands here, and is not found again.')
            : t('Records that may be the same stand here, the surest first.')}
        </Message>
      ) : null}
      {list.length > 0 ? (
        <ul className={classes.list} tabIndex={0} aria-label={t('Pairs of records')}>
          {list.map((pair) => {
            const of = objectNamed(model, pair.objectName);
            if (!of) return null;
            const records = [
              { id: pair.firstId, label: pair.firstLabel || t('Untitled') },
              { id: pair.secondId, label: pair.secondLabel || t('Untitled') },
            ];
            const both = andList(records.map(({ label }) => label));
            return (
              <li key={keyOf(pair)} className={classes.pair}>
                <div className={classes.two}>
                  {records.map(({ id, label }) => (
                    <Link
                      key={id}
                      to="/objects/$namePlural/$id"
                      params={{ namePlural: of.namePlural, id }}
                      className={classes.one}
                    >
                      <Avatar label={label} seed={id} size={20} round={of.nameSingular === 'person'} />
                      <span className={classes.label}>{label}</span>
                    </Link>
                  ))}
                </div>
                <span className={classes.reason}>
                  {pair.dismissedAt
                    ? t('Told apart by {dismissedByName} {dismissedAt}', {
                        dismissedByName: pair.dismissedByName ?? t('somebody'),
                        dismissedAt: formatRelative(pair.dismissedAt),
                      })
                    : reasonText(of, pair.reasons)}
                </span>
                <span className={classes.score}>
                  {pair.dismissedAt ? null : pair.isSure ? (
                    <Badge variant="light">{t('Sure')}</Badge>
                  ) : (
                    percent(pair.score)
                  )}
                </span>
                <span className={classes.actions}>
                  {pair.dismissedAt ? (
                    <Button
                      size="compact-sm"
                      variant="default"
                      aria-label={t('List {both} again', { both })}
                      onClick={() => void tellApart(pair, false)}
                    >
                      {t('List again')}
                    </Button>
                  ) : (
                    <>
                      <Button
                        size="compact-sm"
                        variant="subtle"
                        color="gray"
                        aria-label={t('{both} are not the same', { both })}
                        onClick={() => void tellApart(pair, true)}
                      >
                        {t('Not the same')}
                      </Button>
                      {pair.mayMerge ? (
                        <Button
                          size="compact-sm"
                          variant="default"
                          aria-label={t('Merge {both}', { both })}
                          onClick={() => setMerging(pair)}
                        >
                          {t('Merge…')}
                        </Button>
                      ) : null}
                    </>
                  )}
                </span>
              </li>
            );
          })}
          {hasMore ? (
            <li className={classes.more}>
              <Button variant="default" onClick={() => void read(true)}>
                {t('Show more')}
              </Button>
            </li>
          ) : null}
        </ul>
      ) : null}
      <Suspense fallback={null}>
        {merging && mergingObject ? (
          <MergeDialog
            model={model}
            object={mergingObject}
            ids={[merging.firstId, merging.secondId]}
            onClose={() => setMerging(null)}
            onMerged={() => void read()}
            onUndone={() => void read()}
          />
        ) : null}
        {sure ? <SureMerge object={sure} onClose={() => setSure(null)} onChanged={() => void read()} /> : null}
      </Suspense>
    </>
  );
}
