import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from './errors.ts';

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
const explained = new Set([...page.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map(([, code]) => code!));

/** The text of all sources below a folder, without tests. */
function sources(folder: string, suffix: string): string {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(suffix) && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(root, folder, name), 'utf8'))
    .join('\n');
}

function used(): Set<string> {
  const codes = new Set<string>(Object.keys(ERRORS));
  for (const [, code] of sources('db/sql', '.sql').matchAll(/errcode = '(RV\d{3})'/g)) codes.add(code!);
  for (const folder of ['db', 'server', 'worker']) {
    const text = sources(folder, '.ts');
    for (const [, code] of text.matchAll(/new \w*Error\(\s*'([A-Z]+(?:_[A-Z]+)+)'/g)) codes.add(code!);
    for (const [, code] of text.matchAll(/^ +(?:readonly )?code = '([A-Z]+(?:_[A-Z]+)+)'/gm)) codes.add(code!);
  }
  return codes;
}

test('every code that is used is explained in docs/errors.md, and no other', () => {
  expect([...used()].filter((code) => !explained.has(code)).sort()).toEqual([]);
  expect([...explained].filter((code) => !used().has(code)).sort()).toEqual([]);
});

test("the server's sentences and hints are the ones on the page", () => {
  for (const [code, { status, message, hint }] of Object.entries(ERRORS)) {
    expect(page).toContain(`| \`${code}\` | ${status} | ${message} |`);
    if (hint) expect(page).toContain(hint);
    expect(message).toMatch(/^[A-Z].+\.$/);
  }
});
