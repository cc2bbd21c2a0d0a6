import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from './extract.ts';
import { mismatch } from './mismatch.ts';

const folder = join(import.meta.dirname, '../locales');

type Catalogue = { [text: string]: string };

export async function readCatalogues(): Promise<Map<string, Catalogue>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const read = async (name: string) =>
    [name.replace('.json', ''), JSON.parse(await readFile(join(folder, name), 'utf8')) as Catalogue] as const;
  return new Map(await Promise.all(names.map(read)));
}

const keep = (language: string, catalogue: Catalogue) => {
  const sorted = Object.fromEntries(Object.entries(catalogue).sort(([a], [b]) => (a < b ? -1 : 1)));
  return writeFile(join(folder, `${language}.json`), `${JSON.stringify(sorted, null, 2)}\n`);
};

/** Makes each catalogue hold the texts of the source and no other; what is new there has no translation yet. */
export async function catalogues(): Promise<{ language: string; missing: string[]; stale: string[] }[]> {
  const texts = await extract();
  return Promise.all(
    [...(await readCatalogues())].map(async ([language, catalogue]) => {
      await keep(language, Object.fromEntries([...texts.keys()].map((text) => [text, catalogue[text] ?? ''])));
      return {
        language,
        missing: [...texts.keys()].filter((text) => !catalogue[text]),
        stale: Object.keys(catalogue).filter((text) => !texts.has(text)),
      };
    }),
  );
}

/** Takes translations over, except such as lack a value of their text or have one more. */
export async function merge(language: string, translations: Catalogue): Promise<string> {
  const texts = await extract();
  const catalogue = (await readCatalogues()).get(language) ?? {};
  const refused: string[] = [];
  let taken = 0;
  for (const [text, translation] of Object.entries(translations)) {
    const wrong = translation === '' || !texts.has(text) ? null : mismatch(text, translation);
    if (wrong) refused.push(`${text}\n  ${translation}\n  ${wrong}`);
    else if (translation !== '' && texts.has(text)) {
      catalogue[text] = translation;
      taken += 1;
    }
  }
  await keep(language, Object.fromEntries([...texts.keys()].map((text) => [text, catalogue[text] ?? ''])));
  return [`${taken} taken`, ...refused].join('\n');
}
