import { useEffect } from 'react';
import { openOnlineChanges, type OnlineChange } from '../model/inquiries.ts';
import { useModel } from '../model/store.ts';
import { useInquiry } from './useInquiry.ts';

const WATCH_MS = 1500;

/** Work on large tables that a job does at the moment; asked again while there is any. */
export function useOnlineChanges(objectId: string | null): OnlineChange[] {
  const model = useModel();
  const { answer, again } = useInquiry(`online ${model.version}`, openOnlineChanges);
  const isOpen = (answer?.length ?? 0) > 0;
  useEffect(() => {
    if (!isOpen) return;
    const timer = setInterval(again, WATCH_MS);
    return () => clearInterval(timer);
  }, [isOpen, again]);
  return (answer ?? []).filter((change) => objectId === null || change.objectId === objectId);
}
