import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { objectById, relatedLists } from '../model/lookup.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { readLabels, rememberLabel } from '../records/recordLabels.ts';
import unread from '../records/ReadFailure.module.css';
import record from '../records/RecordView.module.css';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { ChangeGroup } from './ChangeGroup.tsx';
import { askEntries, isChange, PAGE, type Entry, type Kind } from './entries.ts';
import { groupEntries } from './groups.ts';
import { SingleEntry } from './SingleEntry.tsx';
import classes from './timeline.module.css';
import { labelThen, linkOf, mentionedIds, mergedWith } from './timelineText.ts';
import { t } from '../language/t.ts';

const ATTACHED: { [nameSingular: string]: Kind } = { note: 'NOTE', task: 'TASK', attachment: 'FILE' };
/** So long changes of records wait which may be none of this record's. */
const RELATED_MS = 1_500;
const LABELS: { [kind in Kind]: string } = {
  CHANGE: t('Changes'),
  RELATED: t('Related'),
  COMMENT: t('Comments'),
  NOTE: t('Notes'),
  TASK: t('Tasks'),
  FILE: t('Files'),
};

/** What an entry is about: this record, or a related one. */
const objectOf = (model: Model, object: ModelObject, { relatedObject }: Entry): ModelObject =>
  model.objects.find(({ nameSingular }) => nameSingular === relatedObject) ?? object;

/** Reads what the records are called that entries name, each object's at once. */
async function readNames(model: Model, object: ModelObject, entries: Entry[]): Promise<void> {
  const named = new Map<string, Set<string>>();
  const add = (objectId: string, id: string) => named.set(objectId, new Set(named.get(objectId)).add(id));
  for (const entry of entries) {
    const about = objectOf(model, object, entry);
    if (entry.relatedId) add(about.id, entry.relatedId);
    if (!isChange(entry)) continue;
    if (entry.action === 'updated')
      for (const [objectId, ids] of mentionedIds(about, [entry.before, entry.after]))
        for (const id of ids) add(objectId, id);
    const link = linkOf(entry);
    if (link) add(link.objectId, link.recordId);
    for (const id of mergedWith(entry)) add(about.id, id);
  }
  await Promise.all(
    [...named].flatMap(([objectId, ids]) => {
      const target = objectById(model, objectId);
      return target?.isActive ? readLabels(model, target, [...ids]).catch(() => undefined) : [];
    }),
  );
  // What lies in the trash is called what it was called when it was deleted.
  for (const entry of entries)
    if (entry.relatedId && isChange(entry) && (entry.before ?? entry.after) && entry.action !== 'updated') {
      const about = objectOf(model, object, entry);
      rememberLabel(entry.relatedId, labelThen(model, about, entry.before ?? entry.after ?? {}));
    }
}

/** A merge is told by what happened to each record that went; where all of these are there, it needs no entry of its own. */
function withoutTwice(entries: Entry[]): Entry[] {
  const gone = new Set(entries.flatMap(({ action, relatedId }) => (action === 'merged' ? (relatedId ?? []) : [])));
  return entries.filter((entry) => {
    const merged = isChange(entry) && entry.action === 'absorbed' && !entry.relatedId ? mergedWith(entry) : [];
    return merged.length === 0 || !merged.every((id) => gone.has(id));
  });
}

/** The objects of which a timeline tells beside the record's own. */
function relatedObjects(model: Model, object: ModelObject): string[] {
  const pointing = model.objects.filter(
    ({ isActive, isJunction, fields }) =>
      isActive &&
      !isJunction &&
      fields.some(({ relations }) =>
        relations.some(({ targetObjectId, isOnTimeline }) => targetObjectId === object.id && isOnTimeline),
      ),
  );
  const linked = object.fields.flatMap(({ junction }) => (junction?.isOnTimeline ? junction.targetObjectId : []));
  return [...new Set([...pointing.map(({ id }) => id), ...linked])];
}

/** Stands where the entries end: once it comes into view, earlier ones are read. */
function Earlier({ count, onMore }: { count: number; onMore: () => void }) {
  const mark = useRef<HTMLButtonElement>(null);
  const latest = useRef(onMore);
  useEffect(() => {
    latest.current = onMore;
  });
  useEffect(() => {
    const element = mark.current;
    if (!element) return;
    const observer = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting) latest.current();
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [count]);
  return (
    <button ref={mark} type="button" className={classes.earlier} onClick={onMore}>
      {t('Show earlier ones')}
    </button>
  );
}

/** All that happened to a record and its related ones, what was said about it, and its notes, tasks and files, in one stream. */
export function Timeline({ model, object, id }: { model: Model; object: ModelObject; id: string }) {
  const [kind, setKind] = useState<Kind | null>(null);
  const [count, setCount] = useState(PAGE);
  const [shown, setShown] = useState<{ kind: Kind | null; entries: Entry[]; hasMore: boolean } | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const latest = useRef(0);
  const attached = useMemo(
    () =>
      relatedLists(model, object).flatMap(({ holder, through }) => {
        const what = holder.isCustom ? undefined : ATTACHED[(through?.target ?? holder).nameSingular];
        return what ? [{ what, ids: [holder.id, ...(through ? [through.target.id] : [])] }] : [];
      }),
    [model, object],
  );
  const related = useMemo(() => relatedObjects(model, object), [model, object]);
  const kinds: Kind[] = [
    'CHANGE',
    ...(related.length > 0 ? (['RELATED'] as const) : []),
    'COMMENT',
    ...new Set(attached.map(({ what }) => what)),
  ];

  const read = useCallback(async () => {
    const mine = ++latest.current;
    try {
      const found = await askEntries(object, id, kind, count);
      await readNames(model, object, found.entries);
      if (mine !== latest.current) return;
      setShown({ kind, ...found });
      setFailure(null);
    } catch (cause) {
      if (mine === latest.current) setFailure(toFailure(cause));
    }
  }, [model, object, id, kind, count]);
  useEffect(() => void read(), [read]);
  useLiveObjects([object.id, ...attached.flatMap(({ ids }) => ids)], (changes) => {
    const isOurs = changes.some(
      (change) => change.object !== object.nameSingular || change.recordId === null || change.recordId === id,
    );
    if (changes.length === 0 || isOurs) void read();
  });
  // Which of them belong to this record only the server knows, so what happens to any of them asks it, though not often.
  const later = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    clearTimeout(later.current);
    later.current = undefined;
    return () => clearTimeout(later.current);
  }, [read]);
  useLiveObjects(related, (changes) => {
    const isKnown = changes.some(({ recordId }) => shown?.entries.some(({ relatedId }) => relatedId === recordId));
    if (changes.length === 0 || isKnown || changes.some(({ isOwn }) => isOwn)) void read();
    else
      later.current ??= setTimeout(() => {
        later.current = undefined;
        void read();
      }, RELATED_MS);
  });

  const choose = (next: Kind | null) => {
    setKind(next);
    setCount(PAGE);
  };
  const entries = shown?.kind === kind ? shown.entries : null;
  const groups = useMemo(() => groupEntries(withoutTwice(entries ?? [])), [entries]);
  return (
    <section className={record.block} aria-label={t('Timeline')} aria-busy={entries === null && !failure}>
      <div className={record.blockHead}>
        <h2 className={record.blockTitle}>{t('Timeline')}</h2>
      </div>
      <div className={classes.chips} role="group" aria-label={t('Show in the timeline')}>
        {[null, ...kinds].map((each) => (
          <button
            key={each ?? 'ALL'}
            type="button"
            className={classes.chip}
            aria-pressed={each === kind}
            onClick={() => choose(each)}
          >
            {each ? LABELS[each] : t('All')}
          </button>
        ))}
      </div>
      {failure ? (
        <div className={unread.readFailure} role="alert">
          <span>{t('The timeline could not be read: {message}', { message: failure.message })}</span>
          <button type="button" className={classes.chip} onClick={() => void read()}>
            {t('Try again')}
          </button>
        </div>
      ) : null}
      {entries === null && !failure ? (
        <div className={record.boneRow}>
          <span className={record.bone} style={{ width: '60%' }} />
        </div>
      ) : null}
      {entries?.length === 0 ? (
        <p className={record.quiet}>
          {kind === 'RELATED'
            ? t('Nothing has happened to related records yet.')
            : kind
              ? t('No {labels} yet.', { labels: LABELS[kind].toLowerCase() })
              : t('Nothing has been told of this record yet.')}
        </p>
      ) : null}
      {groups.length > 0 ? (
        <ol className={classes.entries}>
          {groups.map((group) =>
            'changes' in group ? (
              <ChangeGroup
                key={group.key}
                model={model}
                object={objectOf(model, object, group.changes[0]!)}
                changes={group.changes}
              />
            ) : (
              <SingleEntry key={group.key} model={model} object={object} id={id} entry={group.entry} />
            ),
          )}
        </ol>
      ) : null}
      {entries && entries.length > 0 && shown ? (
        shown.hasMore ? (
          <>
            <Earlier count={entries.length} onMore={() => setCount(entries.length + PAGE)} />
            <p className="print-only">{t('What happened before is not printed.')}</p>
          </>
        ) : (
          <p className={classes.end}>{t('The beginning of this record')}</p>
        )
      ) : null}
    </section>
  );
}
