import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

test('numbers, dates and times are written by the modules of formats alone', () => {
  const source = join(import.meta.dirname, '..', 'src');
  const writers = ['formats.ts', 'dates.ts', 'dayWords.ts', 'money.ts', 'text.ts', '../language/lists.ts'].map((name) =>
    join(source, 'model', name),
  );
  const others = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .map((name) => join(source, name))
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.test.ts') && !writers.includes(name));
  const wrong = others.filter((name) =>
    /\.toLocale(?:Date|Time)?String\(|Intl\.(?:Number|DateTime|RelativeTime|List|Duration)Format\b|getTimezoneOffset/.test(
      readFileSync(name, 'utf8'),
    ),
  );
  // What the member chose, zone and signs, is not known to those of the browser: use model/formats.ts and model/dates.ts.
  expect(wrong.map((name) => name.slice(source.length + 1))).toEqual([]);
});
