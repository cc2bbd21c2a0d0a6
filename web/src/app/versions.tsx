// oxlint-disable unicorn/require-post-message-target-origin -- that is for windows; a worker has none
import { Button, Group } from '@mantine/core';
import { onReconnect } from '../api/live.ts';
import { say } from './corner.ts';
import { t } from '../language/t.ts';

const LOOK_MS = 60 * 60_000;
const MESSAGE_ID = 'version';

const entryOf = (page: Document): string | null =>
  page.querySelector('script[type="module"][src]')?.getAttribute('src') ?? null;

/** Whether a worker is of the same version as this page. */
function isOfThisPage(worker: ServiceWorker): Promise<boolean> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.addEventListener('message', ({ data }) => resolve(data === true), { once: true });
    port1.start();
    worker.postMessage({ holds: entryOf(document) }, [port2]);
  });
}

/** Only the page in which it was asked for begins anew: in another one somebody may be writing. */
function takeOver(worker: ServiceWorker): void {
  navigator.serviceWorker.addEventListener('controllerchange', () => window.location.reload(), { once: true });
  worker.postMessage('take over');
}

async function offer(worker: ServiceWorker): Promise<void> {
  if (await isOfThisPage(worker)) {
    worker.postMessage('take over');
    return;
  }
  say({
    id: MESSAGE_ID,
    withBorder: true,
    autoClose: false,
    role: 'status',
    message: (
      <Group justify="space-between" wrap="nowrap">
        <span>{t('A new version is ready.')}</span>
        <Button variant="default" onClick={() => takeOver(worker)}>
          {t('Load it')}
        </Button>
      </Group>
    ),
  });
}

async function keepFiles(): Promise<void> {
  const { serviceWorker } = navigator;
  await serviceWorker.register('/sw.js');
  const registration = await serviceWorker.getRegistration();
  if (!registration) return;
  // The very first one replaces none.
  const tell = (worker: ServiceWorker) => (serviceWorker.controller ? void offer(worker) : undefined);
  const watch = (worker: ServiceWorker | null) =>
    worker?.addEventListener('statechange', () => {
      if (worker.state === 'installed') tell(worker);
    });
  if (registration.waiting) tell(registration.waiting);
  watch(registration.installing);
  registration.addEventListener('updatefound', () => watch(registration.installing));

  const look = () => void registration.update().catch(() => undefined);
  setInterval(look, LOOK_MS);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') look();
  });
  // A server that was away may have come back as another version.
  onReconnect(look);

  const { active } = await serviceWorker.ready;
  active?.postMessage('keep all');
}

const RELOADED = 'relvar.reloaded';

/** A part that cannot be loaded is gone with its version, if there is another one by now: the page becomes that, once. */
async function becomeNewer(): Promise<void> {
  const response = await fetch('/', { cache: 'no-store' });
  const entry = entryOf(new DOMParser().parseFromString(await response.text(), 'text/html'));
  if (!response.ok || entry === null || entry === entryOf(document)) return;
  if (sessionStorage.getItem(RELOADED) === entry) return;
  sessionStorage.setItem(RELOADED, entry);
  window.location.reload();
}

/** Keeps the application for starts without a network, tells of a newer version, and gets over parts that went with an older one. */
export function followVersions(): void {
  window.addEventListener('vite:preloadError', () => void becomeNewer().catch(() => undefined));
  // Not where the page is served without https.
  if ('serviceWorker' in navigator) void keepFiles().catch(() => undefined);
}
