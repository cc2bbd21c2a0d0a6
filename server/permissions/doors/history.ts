import { fieldsOf, isComputed, OBJECTS } from '../objects.ts';
import type { Cell } from '../objects.ts';
import { attempt, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';
import { recordsOf } from '../data.ts';

/** What is told of a record's past, and the log that it is read from. */
export const history: Door = {
  name: 'history',
  ask: async ({ model, world, checks, random, as }) => {
    for (const caller of world.callers)
      await as(caller, async (client) => {
        for (const object of OBJECTS) {
          const { name } = object;
          const records = random.sample(recordsOf(world, name), 15);
          const ids = records.map(({ id }) => id);
          const what = `${caller.name}: history of ${object.plural}`;
          const answer = await attempt(
            client,
            `select r.id, h.action, h.before, h.after from unnest($2::uuid[]) r (id) cross join lateral record_history($1, r.id) h`,
            [name, ids],
          );
          const mayRead = model.may(caller, 'READ', name);
          checks.same(mayRead ? null : REFUSED, answer.code, () => what);
          const readable = new Set(model.readableFields(caller, object).flatMap((field) => field.columns));
          const computed = new Set(
            fieldsOf(object)
              .filter(isComputed)
              .flatMap((field) => field.columns),
          );
          const isPlain = ([column]: [string, unknown]) => !computed.has(column);
          const events = Map.groupBy(answer.rows as unknown as Event[], ({ id }) => id);
          const expected = model.records(caller, 'READ', name).filter((record) => records.includes(record));
          const shown = new Set(expected.map(({ id }) => id));
          checks.members(ids, shown, new Set(events.keys()), (id) => `${what}, ${id}`);
          for (const record of expected) {
            const mine = events.get(record.id) ?? [];
            const created = mine.find(({ action }) => action === 'created')?.after ?? {};
            const known = (cells: Readonly<Record<string, Cell>>) =>
              Object.fromEntries(
                Object.entries(cells).filter(([column]) => readable.has(column) && !computed.has(column)),
              );
            checks.cells(
              known({ ...record.cells, ...record.before }),
              created,
              () => `${what}, ${record.id} as created`,
            );
            const updates = mine.filter(({ action }) => action === 'updated');
            // What was computed from elsewhere is not in question here.
            const changes = updates.map(({ before }) =>
              Object.fromEntries(Object.entries(before ?? {}).filter(isPlain)),
            );
            const told = Object.assign({}, ...changes) as Record<string, unknown>;
            const before = known(record.before ?? {});
            checks.same(sorted(before), sorted(told), () => `${what}, ${record.id} before its change`);
            const links = mine.filter(({ action }) => action === 'linked').map(({ after }) => after!['link'] as Link);
            checks.members(
              recordsOf(world, name === 'client' ? 'sticker' : 'client').map(({ id }) => id),
              new Set(['client', 'sticker'].includes(name) ? model.linked(caller, record).map(({ id }) => id) : []),
              new Set(links.map(({ recordId }) => recordId)),
              (id) => `${what}, ${record.id} linked with ${id}`,
            );
            for (const { before: from, after: to } of mine.filter(({ action }) => action !== 'linked'))
              for (const column of [...Object.keys(from ?? {}), ...Object.keys(to ?? {})])
                checks.same(true, readable.has(column), () => `${what}, ${record.id} tells ${column}`);
          }
          const { rows } = await attempt(
            client,
            'select distinct record_id from record_events where record_id = any ($1)',
            [ids],
          );
          const open = new Set(model.readsWholly(caller, object) ? ids : []);
          checks.members(
            ids,
            open,
            new Set(rows.map((row) => row['record_id'] as string)),
            (id) => `${what}, log, ${id}`,
          );
        }
      });
  },
};

/** The other end of a link that came. */
interface Link {
  readonly recordId: string;
}

interface Event {
  readonly id: string;
  readonly action: string;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
}

const sorted = (values: Readonly<Record<string, unknown>>) =>
  Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
