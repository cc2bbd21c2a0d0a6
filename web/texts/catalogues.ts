import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { extract, extractMails } from './extract.ts';
import { mismatch } from './mismatch.ts';

const root = join(import.meta.dirname, '../..');

type Catalogue = { [text: string]: string };

/** A folder of catalogues, and where the texts that they translate come from. */
export const SOURCES = {
  screens: { folder: 'web/locales', extract },
  mails: { folder: 'worker/locales', extract: extractMails },
};
type Source = (typeof SOURCES)[keyof typeof SOURCES];

export async function readCatalogues({ folder }: Source = SOURCES.screens): Promise<Map<string, Catalogue>> {
  const names = (await readdir(join(root, folder))).filter((name) => name.endsWith('.json')).sort();
  const read = async (name: string) =>
    [name.replace('.json', ''), JSON.parse(await readFile(join(root, folder, name), 'utf8')) as Catalogue] as const;
  return new Map(await Promise.all(names.map(read)));
}

const keep = ({ folder }: Source, language: string, catalogue: Catalogue) => {
  const sorted = Object.fromEntries(Object.entries(catalogue).sort(([a], [b]) => (a < b ? -1 : 1)));
  return writeFile(join(root, folder, `${language}.json`), `${JSON.stringify(sorted, null, 2)}\n`);
};

interface Brought {
  folder: string;
  language: string;
  missing: string[];
  stale: string[];
}

/** Makes each catalogue hold the texts of the source and no other; what is new there has no translation yet. */
export async function catalogues(): Promise<Brought[]> {
  const brought = Object.values(SOURCES).map(async (source) => {
    const texts = await source.extract();
    return Promise.all(
      [...(await readCatalogues(source))].map(async ([language, catalogue]) => {
        await keep(
          source,
          language,
          Object.fromEntries([...texts.keys()].map((text) => [text, catalogue[text] ?? ''])),
        );
        return {
          folder: source.folder,
          language,
          missing: [...texts.keys()].filter((text) => !catalogue[text]),
          stale: Object.keys(catalogue).filter((text) => !texts.has(text)),
        };
      }),
    );
  });
  return (await Promise.all(brought)).flat();
}

/** Takes translations over, except such as lack a value of their text or have one more. */
export async function merge(language: string, translations: Catalogue): Promise<string> {
  const refused = Object.entries(translations).flatMap(([text, translation]) => {
    const wrong = translation === '' ? null : mismatch(text, translation);
    return wrong ? [`${text}\n  ${translation}\n  ${wrong}`] : [];
  });
  const isFit = (text: string, translation: string) => translation !== '' && mismatch(text, translation) === null;
  let taken = 0;
  for (const source of Object.values(SOURCES)) {
    const texts = await source.extract();
    const catalogue = (await readCatalogues(source)).get(language) ?? {};
    for (const [text, translation] of Object.entries(translations))
      if (texts.has(text) && isFit(text, translation)) {
        catalogue[text] = translation;
        taken += 1;
      }
    await keep(source, language, Object.fromEntries([...texts.keys()].map((text) => [text, catalogue[text] ?? ''])));
  }
  return [`${taken} taken`, ...refused].join('\n');
}
