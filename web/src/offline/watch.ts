import { cutOff, isAway, lookBy, useConnection } from '../api/connection.ts';
import { isGateway } from '../api/failure.ts';
import { useLive } from '../api/live.ts';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;
const PROBE_MS = 5_000;

let timer: ReturnType<typeof setTimeout> | undefined;
let probing: Promise<void> | null = null;
let pause = FIRST_PAUSE_MS;

/** Any answer but that of a gateway before it shows that the server is there. */
async function isThere(): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_MS);
    return !isGateway((await fetch('/auth/me', { cache: 'no-store', credentials: 'same-origin', signal })).status);
  } catch {
    return false;
  }
}

async function probe(): Promise<void> {
  if (await isThere()) {
    pause = FIRST_PAUSE_MS;
    if (isAway()) useConnection.setState({ awaySince: null });
    return;
  }
  if (!isAway()) {
    useConnection.setState({ awaySince: new Date() });
    cutOff();
  }
  timer = setTimeout(look, pause * (0.75 + Math.random() / 2));
  pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
}

/** By one question at a time. */
function look(): void {
  clearTimeout(timer);
  probing ??= probe().finally(() => (probing = null));
}

const hurry = () => {
  pause = FIRST_PAUSE_MS;
  look();
};

/** A page that sleeps, or whose network changes, does not wait for the next turn. */
export function watchConnection(): () => void {
  lookBy(hurry);
  const wake = () => {
    if (document.visibilityState === 'visible' && isAway()) hurry();
  };
  const stop = useLive.subscribe(({ status }, before) => {
    if (status === 'lost' && before.status !== 'lost') hurry();
  });
  window.addEventListener('online', hurry);
  window.addEventListener('offline', hurry);
  document.addEventListener('visibilitychange', wake);
  return () => {
    clearTimeout(timer);
    stop();
    window.removeEventListener('online', hurry);
    window.removeEventListener('offline', hurry);
    document.removeEventListener('visibilitychange', wake);
  };
}
