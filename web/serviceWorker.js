// Keeps the files of the application, which are the same for everybody, and nothing else: no answer of the server that
// holds data ever comes by here. The build puts its files and a hash of them all in the places between underscores.
// What the first page needs, and what its parts load later. Version __VERSION__
const { SHELL, LATER } = __FILES__;

const CACHE = 'relvar-files';
const PAGE = '/';
const isHashed = (path) => path.startsWith('/assets/');
const isOwn = (path) => SHELL.includes(path);

/** Files whose names hold a hash of what they hold are taken over from the version before. */
async function keep(paths, options) {
  const cache = await caches.open(CACHE);
  for (const path of paths) {
    if (isHashed(path) && (await cache.match(path))) continue;
    const response = await fetch(path, { cache: isHashed(path) ? 'default' : 'no-cache', ...options });
    if (!response.ok || response.redirected) throw new Error(`${path} answered ${response.status}`);
    await cache.put(path, response);
  }
}

async function keepLater() {
  const cache = await caches.open(CACHE);
  const { length } = await cache.keys();
  // Without a network the next page tries again.
  if (length < SHELL.length + LATER.length) await keep(LATER, { priority: 'low' }).catch(() => undefined);
}

async function forgetOthers() {
  const cache = await caches.open(CACHE);
  const wanted = new Set([...SHELL, ...LATER]);
  for (const request of await cache.keys()) if (!wanted.has(new URL(request.url).pathname)) await cache.delete(request);
}

/** The newest there is; what is kept where the network is gone. */
async function fresh(request, path) {
  try {
    return await fetch(request);
  } catch (cause) {
    const kept = await caches.match(path);
    if (kept) return kept;
    throw cause;
  }
}

async function once(request) {
  const kept = await caches.match(request.url, { ignoreVary: true });
  if (kept) return kept;
  const response = await fetch(request);
  if (response.status === 200) {
    const cache = await caches.open(CACHE);
    await cache.put(request.url, response.clone());
  }
  return response;
}

self.addEventListener('install', (event) => event.waitUntil(keep(SHELL.filter((path) => isHashed(path)))));

// Pages that are open keep what they need until they ask for the new version, or are closed.
self.addEventListener('activate', (event) =>
  event.waitUntil(
    (async () => {
      await keep(SHELL.filter((path) => !isHashed(path)));
      await forgetOthers();
      await self.clients.claim();
    })(),
  ),
);

self.addEventListener('message', (event) => {
  if (event.data === 'take over') event.waitUntil(self.skipWaiting());
  // The rest comes when a page has nothing better to do, so that every part of it opens at once and without a network.
  if (event.data === 'keep all') event.waitUntil(keepLater());
  // A page asks whether it is of this version.
  if (typeof event.data?.holds === 'string') event.ports[0]?.postMessage(SHELL.includes(event.data.holds));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== self.location.origin || request.headers.has('range')) return;
  if (request.mode === 'navigate') event.respondWith(fresh(request, PAGE));
  else if (isHashed(pathname)) event.respondWith(once(request));
  else if (isOwn(pathname)) event.respondWith(fresh(request, pathname));
});
