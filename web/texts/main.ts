import { readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { bareTexts } from './bareTexts.ts';
import { catalogues, merge } from './catalogues.ts';

const root = resolve(import.meta.dirname, '../..');
const [command = 'update', ...given] = process.argv.slice(2);

if (command === 'convert') {
  const paths = given.map((path) => resolve(root, path));
  for (const { path, source, found } of bareTexts(paths)) {
    if (found.length === 0) continue;
    await writeFile(path, source);
    console.log(`${relative(root, path)}: ${found.length} texts`);
  }
  console.log('Look at what changed, then: npm run format, npm run check:types.');
} else if (command === 'update') {
  for (const { folder, language, missing, stale } of await catalogues())
    console.log(`${folder}/${language}: ${missing.length} texts to translate, ${stale.length} no longer used`);
} else if (command === 'merge' && given[0] && given[1]) {
  const texts = JSON.parse(await readFile(resolve(given[1]), 'utf8')) as { [text: string]: string };
  console.log(await merge(given[0], texts));
} else {
  console.error(
    `npm run texts -- [update | convert [FILE …] | merge LANGUAGE FILE]\nSee ${join('docs', 'translating.md')}.`,
  );
  process.exitCode = 1;
}
