import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVER_TEXTS } from './serverTexts.ts';

const root = join(import.meta.dirname, '../..');

/** Without what languages quote with, and what stands for values in each of them. */
const plain = (text: string): string => text.replaceAll("''", "'").replaceAll(/["'`„“]/g, '');

async function source(folder: string): Promise<string> {
  const names = (await readdir(join(root, folder), { recursive: true })).filter((name) => /\.(sql|ts)$/.test(name));
  const files = await Promise.all(names.map((name) => readFile(join(root, folder, name), 'utf8')));
  return plain(files.join('\n'));
}

test('each text of the server that is translated is one that it says', async () => {
  const said =
    (await Promise.all(['db/sql', 'db/records', 'server'].map(source))).join('\n') +
    plain(await readFile(join(root, 'db/describeDevice.ts'), 'utf8'));
  // Rules of the data are put together of "must be" and what a value must be.
  const pieces = (text: string) =>
    text.split(/\{\d\}|(?<=must (?:be|have)) |: /).map((piece) => piece.trim().replace(/^[.,]$|s?\.$/, ''));
  expect(SERVER_TEXTS.filter((text) => pieces(plain(text)).some((piece) => !said.includes(piece)))).toEqual([]);
});
