import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { mantineStyles } from './mantineStyles.ts';
import { tableFiles } from './tableFiles.ts';
import { catalogueFiles } from './texts/catalogueFiles.ts';
import { serviceWorkerFile } from './serviceWorkerFile.ts';

// Vendors keep their own files so that their hashes survive a deploy of the application.
const vendors: [string, RegExp][] = [
  ['react', /node_modules\/(react|react-dom|scheduler|use-sync-external-store)\//],
  // Only what every page shows. The rest goes where it is used: the first page waits for no menu and no dialog.
  [
    'mantine',
    /node_modules\/(@mantine\/(core\/esm\/(core(?!\/DirectionProvider)|components\/(ActionIcon|Button|Group|Loader|Skeleton|Transition|UnstyledButton))|store)|clsx)\//,
  ],
  ['graphql', /node_modules\/(urql|@urql|wonka|@0no-co)\//],
  ['router', /node_modules\/@tanstack\/(react-router|router-core|history|react-store|store)\//],
];

// What the first page needs comes in few files, each a request and a script of its own otherwise: with these modules all that they import.
const pages: [string, RegExp][] = [
  ['start', /\/web\/src\/(main|app\/App)\.tsx$/],
  ['table', /\/web\/src\/records\/TablePage\.tsx$/],
  ['objectIcons', /\/web\/src\/fields\/objectIcons\.ts$/],
];

/** The server sends these files as they are, so compression costs nothing per request and can be as slow as it likes. */
function precompress(): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    async writeBundle({ dir }) {
      const root = dir ?? '';
      for (const name of await readdir(root, { recursive: true })) {
        if (!/\.(js|css|html|svg)$/.test(name)) continue;
        const path = join(root, name);
        const source = await readFile(path);
        if (source.length < 1024) continue;
        const params = { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_SIZE_HINT]: source.length };
        await writeFile(`${path}.br`, brotliCompressSync(source, { params }));
        await writeFile(`${path}.gz`, gzipSync(source, { level: 9 }));
      }
    },
  };
}

const target = `http://127.0.0.1:${process.env.PORT ?? 3000}`;

export default defineConfig({
  root: import.meta.dirname,
  plugins: [mantineStyles(), react(), catalogueFiles(), tableFiles(), serviceWorkerFile(), precompress()],
  build: {
    target: 'es2023',
    // The first versions with light-dark(), which the style sheets use as it is.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    outDir: 'dist',
    emptyOutDir: true,
    reportCompressedSize: false,
    manifest: true,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [...vendors, ...pages].map(([name, test], index) => ({ name, test, priority: 10 - index })),
        },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ['/graphql', '/metadata', '/auth', '/webhooks', '/imports', '/exports', '/healthz'].map((path) => [
        path,
        { target, ws: path === '/graphql' },
      ]),
    ),
  },
});
