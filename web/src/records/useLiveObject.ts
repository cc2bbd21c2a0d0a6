import { useEffect, useRef } from 'react';
import { onReconnect, onRecords, type RecordChange } from '../api/live.ts';
import { objectById } from '../model/lookup.ts';
import { useModelStore } from '../model/store.ts';

const SETTLE_MS = 150;
const AT_LATEST_MS = 600;

/** Calls back soon after changes to any of the objects, once for a burst, but never later than the burst allows. */
export function useLiveObjects(objectIds: string[], onChange: (changes: RecordChange[]) => void): void {
  const callback = useRef(onChange);
  useEffect(() => {
    callback.current = onChange;
  });
  const key = objectIds.join();
  useEffect(() => {
    const wanted = key.split(',');
    let gathered: RecordChange[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    let firstAt = 0;
    const flush = () => {
      const changes = gathered;
      gathered = [];
      timer = undefined;
      callback.current(changes);
    };
    const hear = (changes: RecordChange[]) => {
      const { model } = useModelStore.getState();
      const names = wanted.map((id) => model && objectById(model, id)?.nameSingular);
      const ours = changes.filter((change) => names.includes(change.object));
      if (ours.length === 0) return;
      if (gathered.length === 0) firstAt = performance.now();
      gathered.push(...ours);
      clearTimeout(timer);
      timer = setTimeout(flush, Math.max(0, Math.min(SETTLE_MS, firstAt + AT_LATEST_MS - performance.now())));
    };
    const stops = [onRecords(hear), onReconnect(() => callback.current([]))];
    return () => {
      clearTimeout(timer);
      stops.forEach((stop) => stop());
    };
  }, [key]);
}
