import { isAway, onReturn } from '../api/connection.ts';
import { tellMissed } from '../api/live.ts';
import { browserKeep, type Keep } from './keep.ts';
import { createKeeping, showWithout } from './keeping.ts';
import { keepBy, show, usePending } from './pending.ts';
import { PendingMark } from './PendingMark.tsx';
import { createQueue } from './queue.ts';
import { watchConnection } from './watch.ts';
import { send } from './send.ts';

const AGAIN_MS = 10_000;

/** Where the browser keeps nothing, changes wait in the page, which asks before it is left. */
function pageKeep(): Keep {
  let last = 0;
  const kept = new Map<number, Parameters<Keep['put']>[0]>();
  window.addEventListener('beforeunload', (event) => {
    if (kept.size > 0) event.preventDefault();
  });
  return {
    list: () => Promise.resolve([...kept.values()]),
    add: (change) => {
      last += 1;
      const added = { ...change, key: last };
      kept.set(last, added);
      return Promise.resolve(added);
    },
    put: (change) => Promise.resolve(void kept.set(change.key, change)),
    remove: (key) => Promise.resolve(void kept.delete(key)),
  };
}

async function usableKeep(owner: string): Promise<Keep> {
  const keep = browserKeep();
  try {
    await keep.list(owner);
    return keep;
  } catch {
    return pageKeep();
  }
}

/** Watches the server; keeps what the member does while it is away, and sends it when it is back, also what an earlier page left. */
export function start(owner: string | null, signal: AbortSignal): void {
  if (signal.aborted) return;
  signal.addEventListener('abort', watchConnection());
  const stop = onReturn(() => void tellMissed());
  signal.addEventListener('abort', stop);
  if (owner === null) return;
  signal.addEventListener('abort', () => keepBy(null));
  // The question is asked when nothing can be loaded.
  void import('./askToLeave.ts');
  void begin(owner, signal);
}

async function begin(owner: string, signal: AbortSignal): Promise<void> {
  const channel = new BroadcastChannel(`relvar-changes ${owner}`);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows; a channel has none
  const tellTabs = () => channel.postMessage('changed');
  const keep = await usableKeep(owner);
  const queue = createQueue({
    owner,
    keep,
    send: (change) => {
      signal.throwIfAborted();
      return send(change);
    },
    onChanges: (changes) => {
      if (signal.aborted) return;
      const isOther = JSON.stringify(changes) !== JSON.stringify(usePending.getState().changes);
      usePending.setState({ changes });
      if (isOther) tellTabs();
    },
    onSent: ({ kind, objectId, recordId }, { saved }) => {
      if (kind !== 'DELETE') show({ objectId, recordId, row: saved });
    },
    onProblem: showWithout,
    // Pages served without https have no locks: there nothing is done twice all the same, only asked twice.
    ...('locks' in navigator
      ? { alone: (work) => navigator.locks.request(`relvar-changes ${owner}`, { signal }, work) }
      : {}),
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = async () => {
    clearTimeout(timer);
    if (signal.aborted || isAway()) return;
    const had = queue.changes().length > 0;
    await queue.flush().catch((cause: unknown) => {
      if (!signal.aborted) throw cause;
    });
    if (had) tellMissed();
    if (queue.changes().some(({ problem }) => problem === null)) timer = setTimeout(() => void flush(), AGAIN_MS);
  };
  const stop = onReturn(() => void flush());
  channel.addEventListener('message', () => void queue.read());
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    stop();
    channel.close();
  });
  if (signal.aborted) return;
  await queue.read();
  keepBy(createKeeping(queue, <PendingMark />));
  await flush();
}
