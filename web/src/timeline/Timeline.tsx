import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { objectById, relatedLists } from '../model/lookup.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { readLabels } from '../records/recordLabels.ts';
import record from '../records/RecordView.module.css';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { ChangeGroup } from './ChangeGroup.tsx';
import { askEntries, isChange, PAGE, type Entry, type Kind } from './entries.ts';
import { groupEntries } from './groups.ts';
import { SingleEntry } from './SingleEntry.tsx';
import classes from './timeline.module.css';
import { linkOf, mentionedIds } from './timelineText.ts';

const ATTACHED: { [nameSingular: string]: Kind } = { note: 'NOTE', task: 'TASK', attachment: 'FILE' };
const LABELS: { [kind in Kind]: string } = {
  CHANGE: 'Changes',
  COMMENT: 'Comments',
  NOTE: 'Notes',
  TASK: 'Tasks',
  FILE: 'Files',
};

/** Reads what the records are called that entries name, each object's at once. */
async function readNames(model: Model, object: ModelObject, entries: Entry[]): Promise<void> {
  const changes = entries.filter(isChange);
  const named = mentionedIds(
    object,
    changes.filter(({ action }) => action === 'updated').flatMap(({ before, after }) => [before, after]),
  );
  const add = (objectId: string, id: string) => named.set(objectId, new Set(named.get(objectId)).add(id));
  for (const link of changes.flatMap((change) => linkOf(change) ?? [])) add(link.objectId, link.recordId);
  for (const { relatedObject, relatedId } of entries) {
    const related = model.objects.find(({ nameSingular }) => nameSingular === relatedObject);
    if (related && relatedId) add(related.id, relatedId);
  }
  await Promise.all(
    [...named].flatMap(([objectId, ids]) => {
      const target = objectById(model, objectId);
      return target?.isActive ? readLabels(model, target, [...ids]).catch(() => undefined) : [];
    }),
  );
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
      Show earlier ones
    </button>
  );
}

/** All that happened to a record, what was said about it, and its notes, tasks and files, in one stream. */
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
  const kinds: Kind[] = ['CHANGE', 'COMMENT', ...new Set(attached.map(({ what }) => what))];

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

  const choose = (next: Kind | null) => {
    setKind(next);
    setCount(PAGE);
  };
  const entries = shown?.kind === kind ? shown.entries : null;
  const groups = useMemo(() => groupEntries(entries ?? []), [entries]);
  return (
    <section className={record.block} aria-label="Timeline" aria-busy={entries === null && !failure}>
      <div className={record.blockHead}>
        <h2 className={record.blockTitle}>Timeline</h2>
      </div>
      <div className={classes.chips} role="group" aria-label="Show in the timeline">
        {[null, ...kinds].map((each) => (
          <button
            key={each ?? 'ALL'}
            type="button"
            className={classes.chip}
            aria-pressed={each === kind}
            onClick={() => choose(each)}
          >
            {each ? LABELS[each] : 'All'}
          </button>
        ))}
      </div>
      {failure ? (
        <div className={record.readFailure} role="alert">
          <span>The timeline could not be read: {failure.message}</span>
          <button type="button" className={classes.chip} onClick={() => void read()}>
            Try again
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
          {kind ? `No ${LABELS[kind].toLowerCase()} yet.` : 'Nothing has been told of this record yet.'}
        </p>
      ) : null}
      {groups.length > 0 ? (
        <ol className={classes.entries}>
          {groups.map((group) =>
            'changes' in group ? (
              <ChangeGroup key={group.key} model={model} object={object} changes={group.changes} />
            ) : (
              <SingleEntry key={group.key} model={model} object={object} id={id} entry={group.entry} />
            ),
          )}
        </ol>
      ) : null}
      {entries && entries.length > 0 && shown ? (
        shown.hasMore ? (
          <Earlier count={entries.length} onMore={() => setCount(entries.length + PAGE)} />
        ) : (
          <p className={classes.end}>The beginning of this record</p>
        )
      ) : null}
    </section>
  );
}
