import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin, Rolldown } from 'vite';

/** Beside the page itself: what its head links, by names that do not change. */
const LINKED = ['/early.js', '/theme.js', '/manifest.webmanifest', '/icons/icon.svg'];
/** Letters that most members never see are fetched when they do. */
const isSeldom = (name: string): boolean => /inter-(?!latin-wght)/.test(name);

/**
 * Writes /sw.js: serviceWorker.js with the files of this build, those of the first page apart from those that come later.
 * Any change of any of them makes another file, by which browsers know that there is a new version.
 */
export function serviceWorkerFile(): Plugin {
  return {
    name: 'service-worker-file',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const chunks = Object.values(bundle).filter((file): file is Rolldown.OutputChunk => file.type === 'chunk');
        const first = new Set<string>();
        const take = (name: string): void => {
          const chunk = bundle[name];
          if (first.has(name) || chunk?.type !== 'chunk') return;
          first.add(name);
          for (const sheet of chunk.viteMetadata?.importedCss ?? []) first.add(sheet);
          chunk.imports.forEach(take);
        };
        chunks.filter(({ isEntry }) => isEntry).forEach(({ fileName }) => take(fileName));
        for (const name of Object.keys(bundle)) if (name.includes('inter-latin-wght')) first.add(name);
        const hashed = Object.keys(bundle).filter((name) => name.startsWith('assets/'));
        const later = hashed.filter((name) => !first.has(name) && !isSeldom(name));
        const files = {
          SHELL: ['/', ...LINKED, ...[...first].filter((name) => name.startsWith('assets/')).map((name) => `/${name}`)],
          LATER: later.map((name) => `/${name}`),
        };
        const own = (path: string) => readFileSync(join(import.meta.dirname, path), 'utf8');
        const linked = LINKED.map((path) => own(`public${path}`));
        const version = createHash('sha256')
          .update(JSON.stringify([files, own('index.html'), linked]))
          .digest('hex')
          .slice(0, 16);
        const source = own('serviceWorker.js')
          .replace('__VERSION__', version)
          .replace('__FILES__', JSON.stringify(files));
        this.emitFile({ type: 'asset', fileName: 'sw.js', source });
      },
    },
  };
}
