import { gql } from 'urql';
import { request } from '../api/client.ts';
import { parsed } from '../model/calls.ts';
import type { ModelObject } from '../model/types.ts';

export interface Comment {
  commentId: string;
  parentId: string | null;
  body: string;
  /** What mentioned members are called now, by id. */
  mentions: { [id: string]: string };
  authorId: string | null;
  authorName: string | null;
  authorType: string;
  createdAt: string;
  editedAt: string | null;
  isRemoved: boolean;
  resolvedAt: string | null;
  resolvedByName: string | null;
  mayEdit: boolean;
  mayRemove: boolean;
}

export interface Thread {
  first: Comment;
  replies: Comment[];
}

type Answered = Omit<Comment, 'mentions'> & { mentions: Comment['mentions'] | string };

export const THREADS_A_PAGE = 30;

const COMMENTS = gql<
  { commentsOfRecord: { nodes: Answered[] } },
  { object: string; id: string; max: number; before: string | null }
>(`query Comments($object: String!, $id: UUID!, $max: Int!, $before: UUID) {
  commentsOfRecord(objectName: $object, recordId: $id, maxThreads: $max, beforeThread: $before) {
    nodes { commentId parentId body mentions authorType authorId authorName createdAt editedAt isRemoved resolvedAt resolvedByName mayEdit mayRemove }
  }
}`);

export async function askThreads(
  object: ModelObject,
  id: string,
  max: number,
  before: string | null,
): Promise<Thread[]> {
  const { commentsOfRecord } = await request(COMMENTS, { object: object.nameSingular, id, max, before });
  const threads: Thread[] = [];
  for (const node of commentsOfRecord.nodes) {
    const comment = { ...node, mentions: parsed(node.mentions) };
    if (comment.parentId === null) threads.push({ first: comment, replies: [] });
    else threads.find(({ first }) => first.commentId === comment.parentId)?.replies.push(comment);
  }
  return threads;
}

export interface Said {
  id: string;
  /** Who was mentioned but may not read the record. */
  notTold: { id: string; name: string }[];
}

type Payload = { payload: { result: Said | string } };

const ADD = gql<Payload, { input: object }>(
  'mutation AddComment($input: AddCommentInput!) { payload: addComment(input: $input) { result } }',
);
const EDIT = gql<Payload, { input: object }>(
  'mutation EditComment($input: EditCommentInput!) { payload: editComment(input: $input) { result } }',
);
const REMOVE = gql<unknown, { id: string }>(
  'mutation RemoveComment($id: UUID!) { removeComment(input: { commentId: $id }) { clientMutationId } }',
);
const BRING_BACK = gql<unknown, { id: string }>(
  'mutation BringBackComment($id: UUID!) { bringBackComment(input: { commentId: $id }) { clientMutationId } }',
);
const RESOLVE = gql<unknown, { id: string; isResolved: boolean }>(
  'mutation ResolveComment($id: UUID!, $isResolved: Boolean!) { resolveComment(input: { commentId: $id, isResolved: $isResolved }) { clientMutationId } }',
);

export async function addComment(
  object: ModelObject,
  recordId: string,
  body: string,
  parentId: string | null,
): Promise<Said> {
  const { payload } = await request(ADD, { input: { objectName: object.nameSingular, recordId, body, parentId } });
  return parsed(payload.result);
}
export async function editComment(commentId: string, body: string): Promise<Said> {
  const { payload } = await request(EDIT, { input: { commentId, body } });
  return parsed(payload.result);
}
export const removeComment = (id: string): Promise<unknown> => request(REMOVE, { id });
export const bringBackComment = (id: string): Promise<unknown> => request(BRING_BACK, { id });
export const resolveComment = (id: string, isResolved: boolean): Promise<unknown> =>
  request(RESOLVE, { id, isResolved });

export interface Mentionable {
  memberId: string;
  name: string;
  canRead: boolean;
}

const MENTIONABLE = gql<
  { mentionableMembers: { nodes: Mentionable[] } },
  { object: string; id: string; query: string }
>(
  `query Mentionable($object: String!, $id: UUID!, $query: String!) {
    mentionableMembers(objectName: $object, recordId: $id, query: $query) { nodes { memberId name canRead } }
  }`,
);

export async function findMentionable(object: ModelObject, id: string, query: string): Promise<Mentionable[]> {
  return (await request(MENTIONABLE, { object: object.nameSingular, id, query })).mentionableMembers.nodes;
}
