import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateDemo, type Row } from './generate.ts';

/** A small sales team, for a workspace of one's own: made as the demo is, and kept in the database, which loads it by itself. */
const COUNTS = { companies: 12, people: 40, opportunities: 25, tasks: 18, notes: 12 };
const SEED = 4;

/** Dates are kept by their distance from this day. */
const DAY = new Date('2000-01-01T12:00:00Z');
/** Stands for whoever loads it. */
const MEMBER = 'member';

export const SAMPLE_FILE = join(import.meta.dirname, '..', 'sql', 'engine', 'samples', 'data.sql');

/**
 * The demo adds a field to the standard ones, which is not there in other workspaces. Domains are unique: those of the samples are
 * none of the demo's.
 */
const plain = (row: Row): object =>
  Object.fromEntries(
    Object.entries(row)
      .filter(([name, value]) => name !== 'probability' && value !== null)
      .map(([name, value]) => [
        name,
        typeof value === 'string' ? value.replace(/\.example$/, '.sample.example') : value,
      ]),
  );

/** By the universal names of the objects, in the order in which they refer to one another. */
export function sampleData(): { [object: string]: object[] } {
  const data = generateDemo([MEMBER], DAY, COUNTS, SEED);
  const owned = (rows: { row: Row }[]) => rows.map(({ row }) => plain(row));
  return {
    company: data.companies.map(plain),
    person: data.people.map(plain),
    opportunity: owned(data.opportunities),
    task: owned(data.tasks),
    taskTarget: owned(data.taskTargets),
    note: owned(data.notes),
    noteTarget: owned(data.noteTargets),
  };
}

/** The file of the function that gives it. */
export function sampleFile(): string {
  const objects = Object.entries(sampleData()).map(
    ([object, rows]) => `"${object}": [\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(',\n')}\n]`,
  );
  return `-- Written by db/demo/sampleData.ts: node db/demo/sampleData.ts writes it again. Columns bear the names that the standard objects
-- begin with, days count from ${DAY.toISOString().slice(0, 10)}, and "${MEMBER}" is whoever loads it.

create or replace function engine.sample_data() returns jsonb
language sql immutable parallel safe set search_path = ''
as $$ select $json$
{${objects.join(',\n')}}
$json$::jsonb $$;
comment on function engine.sample_data() is 'The records of a small sales team, by object, in the order in which they refer to one another.';
`;
}

if (import.meta.main) writeFileSync(SAMPLE_FILE, sampleFile());
