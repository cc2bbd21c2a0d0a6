import type { Plugin, Rolldown } from 'vite';

/** What the page of a table loads beside what every page does. */
const NAMES = ['table', 'objectIcons'];

/** Tells early.js which files a table comes in, so that they begin to load with the program and not after it has run. */
export function tableFiles(): Plugin {
  return {
    name: 'table-files',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle = {} }) {
        const chunks = Object.values(bundle).filter((file): file is Rolldown.OutputChunk => file.type === 'chunk');
        const closure = (roots: Rolldown.OutputChunk[]): Set<string> => {
          const found = new Set<string>();
          const take = (name: string): void => {
            const chunk = bundle[name];
            if (found.has(name) || chunk?.type !== 'chunk') return;
            found.add(name);
            for (const sheet of chunk.viteMetadata?.importedCss ?? []) found.add(sheet);
            chunk.imports.forEach(take);
          };
          for (const { fileName } of roots) take(fileName);
          return found;
        };
        const known = closure(chunks.filter(({ isEntry }) => isEntry));
        const files = [...closure(chunks.filter(({ name }) => NAMES.includes(name)))].filter(
          (name) => !known.has(name),
        );
        const told = files.map((name) => `/${name}`).join(' ');
        return files.length === 0
          ? html
          : html.replace('<script src="/early.js">', `<script src="/early.js" data-table="${told}">`);
      },
    },
  };
}
