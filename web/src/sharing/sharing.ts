import { gql } from 'urql';
import { attempt, request } from '../api/client.ts';
import { ask } from '../model/calls.ts';
import type { ModelObject } from '../model/types.ts';

export type PrincipalKind = 'MEMBER' | 'TEAM' | 'ROLE';
export type ShareAccess = 'READ' | 'WRITE';

export interface Share {
  shareId: string;
  principalKind: PrincipalKind;
  principalId: string;
  principalName: string;
  access: ShareAccess;
  reason: string;
  createdByName: string | null;
  createdAt: string;
  expiresAt: string | null;
}

const SHARES = gql<
  { sharesOfRecord: { nodes: Share[] } },
  { object: string; id: string }
>(`query Shares($object: String!, $id: UUID!) {
  sharesOfRecord(objectName: $object, recordId: $id) {
    nodes { shareId principalKind principalId principalName access reason createdByName createdAt expiresAt }
  }
}`);

export const askShares = async (object: ModelObject, id: string): Promise<Share[]> =>
  (await request(SHARES, { object: object.nameSingular, id })).sharesOfRecord.nodes;

export interface NewShare {
  principalKind: PrincipalKind;
  principalId: string;
  access: ShareAccess;
  reason: string;
  expiresAt: string | null;
}

const BATCH = 50;

/** Each record is a share of its own, so that one that may not be shared holds back no other. */
export async function shareRecords(object: ModelObject, ids: string[], share: NewShare): Promise<void> {
  for (let start = 0; start < ids.length; start += BATCH) {
    const batch = ids.slice(start, start + BATCH);
    const document = gql<unknown, { [name: string]: unknown }>(
      `mutation Share($object: String!, $kind: String!, $to: UUID!, $access: String!, $reason: String!, $expiresAt: Datetime, ${batch.map((_, i) => `$id${i}: UUID!`).join(', ')}) {
        ${batch.map((_, i) => `s${i}: shareRecord(input: { objectName: $object, recordId: $id${i}, principalKind: $kind, principalId: $to, access: $access, reason: $reason, expiresAt: $expiresAt }) { clientMutationId }`).join('\n')}
      }`,
    );
    const { failure } = await attempt(document, {
      object: object.nameSingular,
      kind: share.principalKind,
      to: share.principalId,
      access: share.access,
      reason: share.reason,
      expiresAt: share.expiresAt,
      ...Object.fromEntries(batch.map((id, i) => [`id${i}`, id])),
    });
    if (failure) throw failure;
  }
}

const UNSHARE = gql<unknown, { id: string }>(
  'mutation Unshare($id: UUID!) { unshareRecord(input: { shareId: $id }) { clientMutationId } }',
);

export const unshareRecord = (shareId: string): Promise<unknown> => request(UNSHARE, { id: shareId });

export interface HasAccess {
  memberId: string;
  name: string;
  role: string;
  canUpdate: boolean;
  kind: string;
  text: string;
}

export const askWhoHasAccess = (object: ModelObject, id: string): Promise<HasAccess[]> =>
  ask('whoHasAccess', { objectName: 'String', recordId: 'UUID' }, { objectName: object.nameSingular, recordId: id });
