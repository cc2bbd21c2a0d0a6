import { join, relative } from 'node:path';
import { bareTexts } from './bareTexts.ts';

const root = join(import.meta.dirname, '../..');
const example = join(root, 'web/src/example.tsx');

const all = bareTexts([], {
  [example]: `
    import type { ReactNode } from 'react';
    declare const Box: (props: { title?: string; className?: string; onClick?: () => void; children?: ReactNode }) => ReactNode;
    declare const count: number;
    declare const name: string;
    declare const kind: 'FIRST' | 'Second';
    const LABELS: { [key: string]: string } = { a: 'Is not empty', b: 'Deleted' };
    export const isSecond = kind === 'Second';
    export function Example() {
      return (
        <Box title="What changed" className="wide open">
          <Box title={\`\${name} includes it already.\`} />
          <p>Moved {count} {count === 1 ? 'record' : 'records'} to <b>the trash</b>.</p>
          <p>{count} {count === 1 ? 'record' : 'records'}</p>
          <p>{kind === 'FIRST' ? 'One by one' : 'All at once'}</p>
          <div><code>select 1</code></div>
          {'Acme Inc.' /* no text */}
          {LABELS[name]}
        </Box>
      );
    }
  `,
});

test('every text of the screens is in the catalogues', () => {
  const bare = all
    .filter(({ path }) => path !== example)
    .flatMap(({ path, found }) => found.map(({ line, text }) => `${relative(root, path)}:${line} ${text}`));
  // npm run texts -- convert FILE wraps them; a line with "// no text" has only names for programs.
  expect(bare).toEqual([]);
});

test('what is bare is found and wrapped as one text, and what is none is left alone', () => {
  const result = all.find(({ path }) => path === example)?.source;
  for (const part of [
    "a: t('Is not empty'), b: t('Deleted')",
    "kind === 'Second'",
    `title={t('What changed')} className="wide open"`,
    "title={t('{name} includes it already.', { name })}",
    "<Trans text={'Moved {count} {count, plural, one {record} other {records}} to <0>the trash</0>.'} values={{ count }} tags={{ 0: <b  /> }} />",
    "<p>{t('{count, plural, one {# record} other {# records}}', { count })}</p>",
    "{kind === 'FIRST' ? t('One by one') : t('All at once')}",
    '<code>select 1</code>',
    "{'Acme Inc.' /* no text */}",
  ])
    expect(result).toContain(part);
});
