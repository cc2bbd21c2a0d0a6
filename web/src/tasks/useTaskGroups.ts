import { useCallback, useEffect, useRef, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { localDay } from '../model/dates.ts';
import { partsDocument, type GroupSums, type Page } from '../model/documents.ts';
import { orderBy } from '../model/sorting.ts';
import type { ColumnValue, Model, RecordRow } from '../model/types.ts';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { DUE_GROUPS, dueFilter, type DueGroup } from './dueGroups.ts';
import { columnOf, taskFields, type TaskParts } from './taskParts.ts';

export type GroupName = DueGroup | 'DONE';

export interface TaskGroupRows {
  group: GroupName;
  rows: RecordRow[];
  count: number;
  hasMore: boolean;
}

const A_PAGE = 50;
const COUNTED = [{ function: 'COUNT' }];

const rowsOf = (group: GroupName, part: GroupSums & Partial<Page>): TaskGroupRows => ({
  group,
  rows: part.nodes ?? [],
  count: Number(part.groups[0]?.values[0] ?? 0),
  hasMore: part.pageInfo?.hasNextPage ?? false,
});

/** The tasks of a member, of nobody, or of all, by when they are due, and last those that are done; live, and past midnight. */
export function useTaskGroups(model: Model, parts: TaskParts, whose: string, showsDone: boolean) {
  const { object, due, status, assignee } = parts;
  const [groups, setGroups] = useState<TaskGroupRows[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [many, setMany] = useState<{ [group in GroupName]?: number }>({});
  const fields = taskFields(parts);
  const key = [object.id, whose, showsDone, ...fields.map(({ id }) => id), JSON.stringify(many)].join();

  const latest = useRef(0);
  const read = useCallback(async () => {
    if (!due || !status) return;
    const mine = (latest.current += 1);
    const today = localDay(new Date());
    const named = DUE_GROUPS.flatMap((group) => {
      const filter = dueFilter(group, columnOf(due), today);
      return filter ? [{ group, filter }] : [];
    });
    const theirs: { [name: string]: ColumnValue }[] =
      assignee && whose !== 'all'
        ? [{ [columnOf(assignee)]: whose === 'none' ? { isNull: true } : { equalTo: whose } }]
        : [];
    const isOpen = { [columnOf(status)]: { notEqualTo: 'DONE' } };
    const isDone = { [columnOf(status)]: { equalTo: 'DONE' } };
    const open = named.map(() => true);
    try {
      const [answer, done] = await Promise.all([
        request(partsDocument(model, object, fields, open), {
          values: COUNTED,
          orderBy: orderBy(object, [{ field: due.name, descending: false }]),
          ...Object.fromEntries(named.map(({ group }, at) => [`n${at}`, many[group] ?? A_PAGE])),
          ...Object.fromEntries(named.map(({ filter }, at) => [`f${at}`, { and: [...theirs, isOpen, filter] }])),
        }),
        request(partsDocument(model, object, fields, [showsDone]), {
          values: COUNTED,
          f0: { and: [...theirs, isDone] },
          ...(showsDone ? { n0: many.DONE ?? A_PAGE, orderBy: ['UPDATED_AT_DESC', 'ID_DESC'] } : {}),
        }),
      ]);
      if (mine !== latest.current) return;
      setGroups([...named.map(({ group }, at) => rowsOf(group, answer[`p${at}`]!)), rowsOf('DONE', done['p0']!)]);
      setFailure(null);
    } catch (cause) {
      if (mine === latest.current) setFailure(toFailure(cause));
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- key stands for all that the query is made from.
  }, [key]);
  useEffect(() => void read(), [read]);
  useLiveObjects([object.id], () => void read());
  // At midnight what was tomorrow is today.
  useEffect(() => {
    let day = localDay(new Date());
    const timer = setInterval(() => {
      if (localDay(new Date()) === day) return;
      day = localDay(new Date());
      void read();
    }, 30_000);
    return () => clearInterval(timer);
  }, [read]);

  const dueOf = (row: RecordRow) => Date.parse(String(row[columnOf(due!)] ?? ''));
  /** Shows a task where it is put before that is saved, so that nobody waits; an answer from before does not put it back. */
  const place = (row: RecordRow, group: GroupName) => {
    latest.current += 1;
    setGroups(
      (now) =>
        now?.map((part) => {
          const rows = part.rows.filter(({ id }) => id !== row.id);
          const count = part.count - (part.rows.length - rows.length);
          if (part.group !== group) return { ...part, rows, count };
          return {
            ...part,
            rows: [...rows, row].sort((a, b) => dueOf(a) - dueOf(b) || a.id.localeCompare(b.id)),
            count: count + 1,
          };
        }) ?? null,
    );
  };
  const showMore = (group: GroupName) => setMany((now) => ({ ...now, [group]: (now[group] ?? A_PAGE) + A_PAGE }));

  return { groups, failure, read, place, showMore };
}
