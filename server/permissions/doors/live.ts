import { OBJECTS } from '../objects.ts';
import type { Door } from '../setting.ts';
import { eventually } from '../../testing/server.ts';
import { recordsOf } from '../data.ts';

/** Live updates: each hears of the objects that it reads, and which records changed only where it sees them all. */
export const live: Door = {
  name: 'live updates',
  ask: async ({ model, world, checks, admin, url, tokenOf, workspaceId }) => {
    const { rows: objects } = await admin.query<{ id: string; name: string; table: string }>(
      'select id, name_singular as name, table_name as "table" from metadata.objects where workspace_id = $1 and name_singular = any ($2)',
      [workspaceId, OBJECTS.map(({ name }) => name)],
    );
    const abort = new AbortController();
    const heard = await Promise.all(
      world.callers.map(async (caller) => {
        const headers = { authorization: `Bearer ${tokenOf(caller)}` };
        const response = await fetch(`${url}/live`, { headers, signal: abort.signal });
        const notices: Notice[] = [];
        void read(response.body!, notices).catch(() => {});
        return { caller, notices };
      }),
    );
    const notice = objects.map(({ id, name, table }) => ({
      workspace: workspaceId,
      object: id,
      table,
      ids: recordsOf(world, name).map((record) => record.id),
      batch: 7,
    }));
    // A notice has room for 8,000 bytes.
    for (const one of notice)
      await admin.query('select pg_notify($1, $2)', [
        'relvar_records',
        JSON.stringify([{ ...one, ids: one.ids.slice(0, 50) }]),
      ]);
    const hears = (caller: (typeof heard)[number]['caller']) =>
      objects.filter(({ name }) => model.may(caller, 'READ', name));
    await eventually('everybody hears what concerns them', () =>
      heard.every(({ caller, notices }) => notices.length >= hears(caller).length),
    );
    // Whatever else is on its way comes now.
    await new Promise((resolve) => setTimeout(resolve, 200));
    abort.abort();
    for (const { caller, notices } of heard)
      for (const { id, name } of objects) {
        const told = notices.filter(({ object }) => object === id);
        const what = `${caller.name} hears of ${name}`;
        checks.same(model.may(caller, 'READ', name) ? 1 : 0, told.length, () => what);
        checks.same(model.seesAll(caller, name), told[0]?.ids !== undefined, () => `${what}, by id`);
      }
  },
};

interface Notice {
  readonly object: string;
  readonly ids?: readonly string[];
}

async function read(body: ReadableStream<Uint8Array>, notices: Notice[]): Promise<void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks)
      if (block.includes('event: records')) notices.push(...(JSON.parse(/^data: (.+)$/m.exec(block)![1]!) as Notice[]));
  }
}
