import { useCallback, useEffect, useRef, useState } from 'react';
import { gql } from 'urql';
import { request } from '../api/client.ts';
import { subscribe } from '../api/socket.ts';
import type { ModelObject } from '../model/types.ts';
import { useSession } from '../session/session.ts';
import { pageId } from './pageId.ts';

export interface Present {
  memberId: string;
  name: string;
  /** The field that is being edited. */
  field: string | null;
}

const PRESENT = `subscription ($object: String!, $recordId: UUID!) {
  presence(object: $object, recordId: $recordId) { memberId name field } }`;

interface Announcement extends Record<string, unknown> {
  object: string;
  recordId: string;
  page: string;
  field: string | null;
  isLeaving: boolean;
}

const ANNOUNCE = gql<unknown, Announcement>`
  mutation ($object: String!, $recordId: UUID!, $page: UUID!, $field: String, $isLeaving: Boolean!) {
    announcePresence(
      input: { objectName: $object, recordId: $recordId, page: $page, field: $field, isLeaving: $isLeaving }
    ) {
      clientMutationId
    }
  }
`;

/** The server believes it for 40 seconds. */
const REPEAT_MS = 15_000;

/** Tells others that this page shows a record, while it is in sight, and who else has it open. */
export function usePresence(object: ModelObject, recordId: string) {
  const [present, setPresent] = useState<Present[]>([]);
  const me = useSession((state) => state.identity?.member?.id);
  // Whoever sees as somebody else writes nothing, and is not there as that one.
  const isAnnounced = useSession((state) => Boolean(state.identity?.member) && !state.identity?.seeing);
  const edited = useRef<string | null>(null);
  const announce = useRef<() => void>(() => undefined);

  useEffect(
    () => subscribe<Present[]>(PRESENT, { object: object.nameSingular, recordId }, { next: setPresent }),
    [object.nameSingular, recordId],
  );

  useEffect(() => {
    if (!isAnnounced) return;
    const page = pageId();
    let isHere = false;
    const say = (isLeaving: boolean): void => {
      isHere = !isLeaving;
      const variables = { object: object.nameSingular, recordId, page, field: edited.current, isLeaving };
      // That somebody is not seen for a moment is nothing to trouble anybody with.
      request(ANNOUNCE, variables).catch(() => undefined);
    };
    announce.current = () => {
      if (!document.hidden) say(false);
    };
    const look = (): void => {
      if (!document.hidden) say(false);
      else if (isHere) say(true);
    };
    const leave = (): void => {
      if (isHere) say(true);
    };
    look();
    const timer = setInterval(() => announce.current(), REPEAT_MS);
    document.addEventListener('visibilitychange', look);
    window.addEventListener('pagehide', leave);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
      window.removeEventListener('pagehide', leave);
      announce.current = () => undefined;
      leave();
    };
  }, [isAnnounced, object.nameSingular, recordId]);

  const edit = useCallback((field: string | null) => {
    if (edited.current === field) return;
    edited.current = field;
    announce.current();
  }, []);

  return { others: present.filter(({ memberId }) => memberId !== me), edit };
}
