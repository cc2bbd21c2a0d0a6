import { createHash } from 'node:crypto';
import type { Plugin } from 'vite';
import { readCatalogues } from './catalogues.ts';
import { extract } from './extract.ts';
import { pseudo } from './pseudo.ts';

/** Each catalogue as a script, without what has no translation; and that which shows what is not translated. */
async function scripts(): Promise<Map<string, string>> {
  const all = await readCatalogues();
  all.set('pseudo', Object.fromEntries([...(await extract()).keys()].map((text) => [text, pseudo(text)])));
  return new Map(
    [...all].map(([language, texts]) => {
      const translated = Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''));
      // A browser reads JSON faster than it reads a program.
      return [language, `globalThis.relvarTexts=JSON.parse(${JSON.stringify(JSON.stringify(translated))})\n`];
    }),
  );
}

/** The catalogues as files of their own, whose addresses the page tells theme.js. */
export function catalogueFiles(): Plugin {
  const attributes = (paths: [string, string][]) =>
    paths.map(([language, path]) => `data-${language}="${path}"`).join(' ');
  const told = (html: string, paths: [string, string][]) =>
    html.replace('<script src="/theme.js">', `<script src="/theme.js" ${attributes(paths)}>`);
  return {
    name: 'catalogue-files',
    configureServer(server) {
      server.middlewares.use('/catalogues/', async (request, response, next) => {
        const script = (await scripts()).get(request.url?.replace(/^\/|\.js.*$/g, '') ?? '');
        if (script === undefined) next();
        else response.setHeader('content-type', 'text/javascript').end(script);
      });
    },
    transformIndexHtml: {
      order: 'post',
      async handler(html, { bundle }) {
        const paths = [...(await scripts())].map(([language, script]): [string, string] => [
          language,
          bundle ? `/${nameOf(language, script)}` : `/catalogues/${language}.js`,
        ]);
        return told(html, paths);
      },
    },
    async generateBundle() {
      for (const [language, source] of await scripts())
        this.emitFile({ type: 'asset', fileName: nameOf(language, source), source });
    },
  };
}

const nameOf = (language: string, source: string): string =>
  `assets/${language}-${createHash('sha256').update(source).digest('base64url').slice(0, 8)}.js`;
