import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Express, Request, Response } from 'express';
import { ERRORS, RequestError } from '../errors.ts';
import { sendError } from '../http/answer.ts';
import { securityHeaders } from './headers.ts';
import type { PageSettings } from './headers.ts';

/** Encodings that the build leaves beside a file, best first. */
const ENCODINGS = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
];

/** Vite puts a hash of the content into these names, so they never change. */
const IMMUTABLE = /^\/assets\/.+-[\w-]{8,}\.\w+$/;

/** Serves the built user interface. Everything is looked up in a list of its files, so no path can leave it. */
export function installStatic(app: Express, directory: string, settings: PageSettings = {}): void {
  const files = listFiles(directory);

  app.use(securityHeaders(settings), async (request: Request, response: Response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      sendError(response, new RequestError('NOT_FOUND'));
      return;
    }
    const known = await files();
    if (known.has(request.path) && request.path !== '/index.html') {
      sendFile(request, response, { directory, files: known, path: request.path });
      return;
    }
    // An address of the screen's own router, typed or reloaded. A script that is missing stays missing. The page itself is
    // also asked for by what keeps it for a start without a network.
    if (request.path !== '/' && !isNavigation(request)) {
      sendError(response, new RequestError('NOT_FOUND'));
      return;
    }
    if (!known.has('/index.html')) {
      sendMissing(response);
      return;
    }
    sendFile(request, response, { directory, files: known, path: '/index.html' });
  });
}

function sendFile(
  request: Request,
  response: Response,
  { directory, files, path }: { directory: string; files: ReadonlySet<string>; path: string },
): void {
  const accepted = request.headers['accept-encoding'] ?? '';
  const encoding = ENCODINGS.find(({ name, suffix }) => accepted.includes(name) && files.has(path + suffix));
  response.type(path.slice(path.lastIndexOf('.')));
  response.vary('accept-encoding');
  if (encoding) response.setHeader('content-encoding', encoding.name);
  response.sendFile(join(directory, path + (encoding?.suffix ?? '')), {
    cacheControl: false,
    headers: {
      'cache-control': IMMUTABLE.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
    },
  });
}

function isNavigation(request: Request): boolean {
  const mode = request.headers['sec-fetch-mode'];
  if (mode !== undefined && mode !== 'navigate') return false;
  return (request.headers.accept ?? '').includes('text/html');
}

/** The bundle's files as URL paths. Read once it exists; a later build needs a restart, as any release does. */
function listFiles(directory: string): () => Promise<ReadonlySet<string>> {
  let files: Promise<ReadonlySet<string>> | undefined;
  return () => {
    if (files) return files;
    if (!existsSync(join(directory, 'index.html'))) return Promise.resolve(new Set());
    files = readdir(directory, { recursive: true, withFileTypes: true }).then(
      (entries) =>
        new Set(
          entries
            .filter((entry) => entry.isFile())
            .map((entry) => `/${relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/')}`),
        ),
    );
    return files;
  };
}

function sendMissing(response: Response): void {
  const { status, message, hint } = ERRORS.UI_NOT_BUILT;
  response
    .status(status)
    .type('html')
    .send(
      `<!doctype html><html lang="en"><meta charset="utf-8"><title>Relvar</title>` +
        `<body style="font: 16px/1.5 system-ui; margin: 4rem auto; max-width: 34rem; padding: 0 1rem">` +
        `<h1>${message}</h1><p>${hint}</p></body></html>`,
    );
}
