import { gql } from 'urql';
import { request } from '../api/client.ts';
import { parsed } from '../model/calls.ts';
import type { ModelObject } from '../model/types.ts';
import type { Columns } from './timelineText.ts';

export type Kind = 'CHANGE' | 'RELATED' | 'COMMENT' | 'NOTE' | 'TASK' | 'FILE';

export interface Entry {
  entryKey: string;
  kind: Kind;
  happenedAt: string;
  actorType: string | null;
  actorName: string | null;
  source: string | null;
  /** Of a change, of the record or of a related one. */
  batch: string | null;
  seq: number | null;
  action: string | null;
  before: Columns | null;
  after: Columns | null;
  /** Of a comment. */
  commentId: string | null;
  body: string | null;
  mentions: { [id: string]: string } | null;
  /** Of a note, a task or a file, and of a change of a related record or of one that was merged into this: which record. */
  relatedObject: string | null;
  relatedId: string | null;
}

/** One that the event log has. */
export type Change = Entry & { batch: string; seq: number; action: string };

export const isChange = (entry: Entry): entry is Change => entry.kind === 'CHANGE' || entry.kind === 'RELATED';

export const PAGE = 30;
const AT_MOST = 200;

type Answered = Omit<Entry, 'mentions'> & { mentions: Entry['mentions'] | string };

const TIMELINE = gql<
  { recordTimeline: { nodes: Answered[] } },
  { object: string; id: string; kinds: Kind[] | null; max: number; before: string | null }
>(`query Timeline($object: String!, $id: UUID!, $kinds: [String], $max: Int!, $before: String) {
  recordTimeline(objectName: $object, recordId: $id, kinds: $kinds, maxResults: $max, beforeEntry: $before) {
    nodes {
      entryKey kind happenedAt actorType actorName source batch seq action before after commentId body mentions relatedObject relatedId
    }
  }
}`);

/** So many entries of a record's timeline, the latest first, and whether there are earlier ones. */
export async function askEntries(
  object: ModelObject,
  id: string,
  kind: Kind | null,
  count: number,
): Promise<{ entries: Entry[]; hasMore: boolean }> {
  const entries: Entry[] = [];
  for (;;) {
    const max = Math.min(count - entries.length, AT_MOST);
    const { recordTimeline } = await request(TIMELINE, {
      object: object.nameSingular,
      id,
      kinds: kind ? [kind] : null,
      max,
      before: entries.at(-1)?.entryKey ?? null,
    });
    entries.push(
      ...recordTimeline.nodes.map((node) => ({ ...node, mentions: node.mentions ? parsed(node.mentions) : null })),
    );
    if (recordTimeline.nodes.length < max) return { entries, hasMore: false };
    if (entries.length >= count) return { entries, hasMore: true };
  }
}
