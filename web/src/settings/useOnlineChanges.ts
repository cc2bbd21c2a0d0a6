import { useEffect, useRef } from 'react';
import { onlineChanges, type OnlineChange } from '../model/inquiries.ts';
import { useWholeModel } from '../model/store.ts';
import { useInquiry } from './useInquiry.ts';

const WATCH_MS = 1500;

/** Work on large tables that a job does; asked again while there is any. What one saw under way is still told when it is done. */
export function useOnlineChanges(objectId: string | null): OnlineChange[] {
  const model = useWholeModel();
  const seen = useRef<string[]>([]);
  const { answer, again } = useInquiry(`online ${model.version}`, () => onlineChanges(seen.current));
  const isOpen = answer?.some((change) => change.status !== 'DONE') ?? false;
  useEffect(() => {
    if (answer) seen.current = answer.map((change) => change.id);
  }, [answer]);
  useEffect(() => {
    if (!isOpen) return;
    const timer = setInterval(again, WATCH_MS);
    return () => clearInterval(timer);
  }, [isOpen, again]);
  return (answer ?? []).filter((change) => objectId === null || change.objectId === objectId);
}
