import { gql } from 'urql';
import { useCallback, useEffect, useState } from 'react';
import { request } from '../api/client.ts';
import { actorOf } from '../history/changes.ts';
import { EventMenu } from '../history/EventMenu.tsx';
import { Avatar } from '../fields/Avatar.tsx';
import { formatInstant, formatRelative } from '../model/dates.ts';
import { objectById } from '../model/lookup.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { knownLabel, readLabels } from './recordLabels.ts';
import classes from './RecordView.module.css';
import { changedFields, linkOf, mentionedIds, shareText, type Columns } from './timelineText.ts';
import { useLiveObjects } from './useLiveObject.ts';

interface RecordEvent {
  batch: string;
  seq: number;
  action: string;
  before: Columns | null;
  after: Columns | null;
  actorType: string | null;
  actorName: string | null;
  source: string | null;
  happenedAt: string;
}

const EVENTS = gql<
  { recordHistory: { nodes: RecordEvent[] } },
  { id: string; object: string }
>(`query Timeline($id: UUID!, $object: String!) {
  recordHistory(objectName: $object, recordId: $id, maxResults: 30) {
    nodes { batch seq action before after actorType actorName source happenedAt }
  }
}`);

const VERBS: { [action: string]: string } = {
  created: 'created this',
  updated: 'changed',
  deleted: 'deleted this',
  restored: 'restored this',
  destroyed: 'destroyed this',
  shared: 'shared this',
  unshared: 'stopped sharing this',
  merged: 'merged this into another',
  absorbed: 'merged others into this',
  linked: 'linked this with',
  unlinked: 'unlinked this from',
};

/** What can be taken back. */
const REVERTED: ReadonlySet<string> = new Set(['created', 'updated', 'deleted', 'restored', 'merged']);

/** The record's own history, from the event log that the database writes with every change. */
export function Timeline({ model, object, id }: { model: Model; object: ModelObject; id: string }) {
  const [events, setEvents] = useState<RecordEvent[] | null>(null);
  const [hidden, setHidden] = useState(false);
  const read = useCallback(async () => {
    try {
      const { recordHistory } = await request(EVENTS, { id, object: object.nameSingular });
      const updates = recordHistory.nodes.filter((event) => event.action === 'updated');
      const mentioned = mentionedIds(
        object,
        updates.flatMap((event) => [event.before, event.after]),
      );
      for (const link of recordHistory.nodes.flatMap((event) => linkOf(event) ?? []))
        mentioned.set(link.objectId, new Set(mentioned.get(link.objectId)).add(link.recordId));
      const reading = [...mentioned].flatMap(([objectId, ids]) => {
        const target = objectById(model, objectId);
        return target?.isActive ? readLabels(model, target, [...ids]).catch(() => undefined) : [];
      });
      await Promise.all(reading);
      // What people said stands in the comments.
      setEvents(recordHistory.nodes.filter((event) => event.action !== 'commented'));
    } catch {
      // A record without its history is still a record.
      setHidden(true);
    }
  }, [id, model, object]);
  useEffect(() => void read(), [read]);
  useLiveObjects([object.id], () => void read());

  if (hidden || events?.length === 0) return null;
  return (
    <section className={classes.block} aria-label="Timeline">
      <div className={classes.blockHead}>
        <h2 className={classes.blockTitle}>Timeline</h2>
      </div>
      <ol className={classes.timeline}>
        {(events ?? []).map((event) => {
          const lines =
            event.action === 'updated'
              ? changedFields(
                  model,
                  object,
                  event.before ?? {},
                  event.after ?? {},
                  (other) => knownLabel(other) ?? 'a record',
                )
              : [];
          const link = linkOf(event);
          const share = shareText(event.action, event.before, event.after);
          const actor = actorOf(event);
          return (
            <li key={`${event.batch} ${event.seq}`} className={classes.event}>
              <Avatar label={actor} seed={actor} size={20} round />
              <div className={classes.eventText}>
                <div>
                  <b>{actor}</b> {VERBS[event.action] ?? event.action}{' '}
                  {link ? <b>{knownLabel(link.recordId) ?? 'a record'} </b> : null}
                  {lines.length > 1 ? `${lines.length} fields` : ''}
                  <time
                    className={classes.eventTime}
                    dateTime={event.happenedAt}
                    title={formatInstant(event.happenedAt)}
                  >
                    {formatRelative(event.happenedAt)}
                  </time>
                </div>
                {share ? <div className={classes.eventChange}>{share}</div> : null}
                {lines.map((line) => (
                  <div key={line.label} className={classes.eventChange}>
                    <span>{line.label}</span> {line.before ? <s>{line.before}</s> : null} <span aria-hidden>→</span>{' '}
                    <span className={classes.eventAfter}>{line.after || 'empty'}</span>
                  </div>
                ))}
              </div>
              {REVERTED.has(event.action) ? (
                <EventMenu
                  model={model}
                  event={event}
                  what={`${actor} ${VERBS[event.action] ?? event.action} ${formatRelative(event.happenedAt)}`}
                />
              ) : null}
            </li>
          );
        })}
      </ol>
    </section>
  );
}
