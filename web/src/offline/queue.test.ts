import fc from 'fast-check';
import type { ColumnValue } from '../model/types.ts';
import type { Keep } from './keep.ts';
import { createQueue, NotNow, type Change, type Outcome } from './queue.ts';

/** A browser's store, which outlives the pages that use it. */
function memoryKeep(): Keep & { all: Map<number, Change> } {
  const all = new Map<number, Change>();
  let last = 0;
  return {
    all,
    list: (owner) => Promise.resolve([...all.values()].filter((change) => change.owner === owner)),
    add: (change) => {
      const added = { ...change, key: (last += 1) };
      all.set(added.key, added);
      return Promise.resolve(added);
    },
    put: (change) => Promise.resolve(void all.set(change.key, change)),
    remove: (key) => Promise.resolve(void all.delete(key)),
  };
}

const change = (kind: Change['kind'], recordId: string, value = '', before = ''): Omit<Change, 'key' | 'owner'> => ({
  kind,
  objectId: 'object',
  recordId,
  label: recordId,
  edits: kind === 'UPDATE' ? [{ fieldId: 'name', value }] : [],
  columns: { id: recordId, name: kind === 'CREATE' ? value : before },
  madeAt: '2026-01-01T00:00:00Z',
  heardAt: '2026-01-01T00:00:00Z',
  problem: null,
  isForced: false,
});

/** A server that one reaches or not, and whose answers get lost. What it does it writes down. */
function fakeServer() {
  const records = new Map<string, string>();
  const done: { recordId: string; kind: string; value: string }[] = [];
  let reachable = true;
  let losesNext = false;
  const send = async ({ kind, recordId, edits, columns, isForced }: Change): Promise<Outcome> => {
    await Promise.resolve();
    if (!reachable) throw new NotNow();
    const now = records.get(recordId);
    const value = kind === 'CREATE' ? String(columns['name']) : String(edits[0]?.value ?? '');
    const note = () => void done.push({ recordId, kind, value });
    if (kind === 'CREATE') {
      if (now === undefined) {
        records.set(recordId, value);
        note();
      }
    } else if (kind === 'UPDATE') {
      if (now === undefined) return { problem: { kind: 'MISSING' } };
      if (now !== columns['name'] && now !== value && !isForced)
        return { problem: { kind: 'CHANGED', theirs: { id: recordId, name: now }, by: 'somebody' } };
      if (now !== value) {
        records.set(recordId, value);
        note();
      }
    } else if (records.delete(recordId)) note();
    if (losesNext) {
      losesNext = false;
      throw new NotNow();
    }
    return { saved: { id: recordId, name: value }, at: '2026-01-01T00:00:01Z', requestIds: [] };
  };
  return {
    records,
    done,
    send,
    reach: (is: boolean) => (reachable = is),
    loseNext: () => (losesNext = true),
  };
}

const open = (keep: Keep, send: (change: Change) => Promise<Outcome>, owner = 'me') => {
  const problems: Change[] = [];
  const queue = createQueue({
    owner,
    keep,
    send,
    onChanges: () => undefined,
    onSent: () => undefined,
    onProblem: (stuck) => void problems.push(stuck),
  });
  return { queue, problems };
};

test('whatever happens to network, answers and pages, each change is done once and in order, or asked about', async () => {
  const act = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('edit' as const), record: fc.integer({ min: 0, max: 2 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('create' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('lose', 'away', 'back', 'reload') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('other' as const), record: fc.integer({ min: 0, max: 2 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40, size: 'max' }), async (acts) => {
      const server = fakeServer();
      const keep = memoryKeep();
      const ids = ['r0', 'r1', 'r2'];
      for (const id of ids) server.records.set(id, `${id} at first`);
      const shown = new Map(server.records);
      let { queue } = open(keep, server.send);
      const wanted: { recordId: string; value: string }[] = [];
      let count = 0;
      for (const each of acts) {
        count += 1;
        if (each.do === 'edit') {
          const id = ids[each.record]!;
          wanted.push({ recordId: id, value: `mine ${count}` });
          await queue.add(change('UPDATE', id, `mine ${count}`, shown.get(id)));
          shown.set(id, `mine ${count}`);
        } else if (each.do === 'create') {
          wanted.push({ recordId: `new${count}`, value: `mine ${count}` });
          await queue.add(change('CREATE', `new${count}`, `mine ${count}`));
        } else if (each.do === 'other') server.records.set(ids[each.record]!, `theirs ${count}`);
        else if (each.do === 'lose') server.loseNext();
        else if (each.do === 'away') server.reach(false);
        else if (each.do === 'back') {
          server.reach(true);
          await queue.flush();
        } else {
          ({ queue } = open(keep, server.send));
          await queue.read();
        }
      }
      server.reach(true);
      await queue.flush();
      await queue.flush();
      // What somebody else changed meanwhile was not overwritten unasked; asked, the member insists.
      const insisted = new Set<ColumnValue>();
      for (let next = queue.changes()[0]; next; next = queue.changes()[0]) {
        insisted.add(next.edits[0]?.value ?? null);
        await queue.retry(next.key, true);
      }
      expect(keep.all.size).toBe(0);
      for (const id of new Set(wanted.map(({ recordId }) => recordId))) {
        const asked = wanted.filter(({ recordId }) => recordId === id).map(({ value }) => value);
        const done = server.done.filter(({ recordId }) => recordId === id).map(({ value }) => value);
        // Only what somebody changed after an answer was lost is done anew, when the member says so.
        expect(done.filter((value, index) => !insisted.has(value) || done.lastIndexOf(value) === index)).toEqual(asked);
      }
    }),
    { numRuns: 300 },
  );
});

test('a change that stands still holds up what follows from it, and nothing else', async () => {
  const server = fakeServer();
  const { queue, problems } = open(memoryKeep(), server.send);
  server.records.set('a', 'theirs');
  server.records.set('b', 'b');
  await queue.add(change('UPDATE', 'a', 'mine', 'as it was'));
  await queue.add(change('UPDATE', 'a', 'mine again', 'mine'));
  await queue.add(change('UPDATE', 'b', 'mine', 'b'));
  await queue.flush();
  expect(problems).toMatchObject([{ recordId: 'a', problem: { kind: 'CHANGED', theirs: { name: 'theirs' } } }]);
  expect(server.records).toEqual(
    new Map([
      ['a', 'theirs'],
      ['b', 'mine'],
    ]),
  );
  expect(queue.changes().map(({ recordId }) => recordId)).toEqual(['a', 'a']);
});

test('what is given up is never sent, and with a new record goes what was done to it', async () => {
  const server = fakeServer();
  const { queue } = open(memoryKeep(), server.send);
  const made = await queue.add(change('CREATE', 'new', 'New'));
  await queue.add(change('UPDATE', 'new', 'Changed', 'New'));
  const kept = await queue.add(change('CREATE', 'other', 'Other'));
  expect(await queue.withdraw(made.key)).toHaveLength(2);
  expect(queue.changes()).toEqual([kept]);
  await queue.flush();
  expect(server.done).toEqual([{ recordId: 'other', kind: 'CREATE', value: 'Other' }]);
});

test('another member of the same browser neither sees nor sends what waits', async () => {
  const server = fakeServer();
  const keep = memoryKeep();
  await open(keep, server.send, 'me').queue.add(change('CREATE', 'mine', 'Mine'));
  const other = open(keep, server.send, 'somebody else').queue;
  await other.flush();
  expect(other.changes()).toEqual([]);
  expect(server.done).toEqual([]);
  const mine = open(keep, server.send, 'me').queue;
  await mine.flush();
  expect(server.records.get('mine')).toBe('Mine');
});

test('what is on its way can be withdrawn no more', async () => {
  const server = fakeServer();
  let answer = (): void => undefined;
  const { queue } = open(memoryKeep(), async (sent) => {
    await new Promise<void>((resolve) => (answer = resolve));
    return server.send(sent);
  });
  const made = await queue.add(change('CREATE', 'new', 'New'));
  const flushing = queue.flush();
  await new Promise((resolve) => setImmediate(resolve));
  expect(await queue.withdraw(made.key)).toEqual([]);
  answer();
  await flushing;
  expect(server.records.get('new')).toBe('New');
});
