import { expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';

const db = useDatabase();

test('ids grow in the order in which they are made, also within a millisecond', async () => {
  const { rows } = await db.admin.query<{ id: string; ms: number }>(
    `select engine.uuidv7() as id, extract(epoch from clock_timestamp()) * 1000 as ms from generate_series(1, 2000)`,
  );
  const ids = rows.map((row) => row.id);
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Math.abs(Number.parseInt(ids[0]!.replaceAll('-', '').slice(0, 12), 16) - Number(rows[0]!.ms))).toBeLessThan(
    1000,
  );
  const grows = ids.filter((id, i) => i === 0 || id > ids[i - 1]!).length;
  // Before 18 the clock counts microseconds, and two may fall into one.
  expect(grows / ids.length).toBeGreaterThan(0.98);
  expect(new Set(ids).size).toBe(ids.length);
});
