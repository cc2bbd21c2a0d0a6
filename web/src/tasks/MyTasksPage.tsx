import { Button, Select } from '@mantine/core';
import { IconChecklist } from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { Message } from '../app/Message.tsx';
import { listDocument, partsDocument } from '../model/documents.ts';
import { formatDay, localDay } from '../model/dates.ts';
import { objectNamed } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { orderBy } from '../model/sorting.ts';
import { useModel } from '../model/store.ts';
import type { ColumnValue, Model, RecordRow } from '../model/types.ts';
import { isLink, readValue, recordLabel, type Link as RecordLink } from '../model/values.ts';
import { announceFailure } from '../records/announce.tsx';
import { createRecord } from '../records/changes.ts';
import { PageHeader } from '../records/PageHeader.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { useSession } from '../session/session.ts';
import { useShortcut } from '../shortcuts/useShortcut.ts';
import { remove, setDone, setDue } from './act.ts';
import { DUE_GROUPS, dayIn, dueFilter, onDay, takesTasks, type DueGroup } from './dueGroups.ts';
import { NewTask } from './NewTask.tsx';
import { TaskRow } from './TaskRow.tsx';
import { columnOf, taskFields, taskParts, type TaskParts } from './taskParts.ts';
import classes from './tasks.module.css';
import { t } from '../language/t.ts';

const TITLES: { [group in DueGroup]: string } = {
  OVERDUE: t('Overdue'),
  TODAY: t('Today'),
  TOMORROW: t('Tomorrow'),
  WEEK: t('This week'),
  LATER: t('Later'),
  NONE: t('No date'),
};
const A_PAGE = 50;

interface Part {
  group: DueGroup;
  rows: RecordRow[];
  count: number;
  hasMore: boolean;
}

export function MyTasksPage() {
  const model = useModel();
  const parts = taskParts(model);
  if (!parts?.due || !parts.status)
    return (
      <Message isPage icon={<IconChecklist size={28} />} title={t('There are no tasks here')}>
        {t('Your role may not see tasks, or an administrator has removed their due date or status.')}
      </Message>
    );
  return <MyTasks model={model} parts={parts} />;
}

/** Who may have tasks. */
function useMembers(model: Model): { value: string; label: string }[] {
  const [members, setMembers] = useState<{ value: string; label: string }[]>([]);
  useEffect(() => {
    const object = objectNamed(model, 'workspaceMember');
    if (!object) return;
    request(listDocument(model, object, []), { first: 200 })
      .then(({ list }) =>
        setMembers(
          list.nodes
            .map((row) => ({ value: row.id, label: recordLabel(model, object, row) || t('Untitled') }))
            .sort((a, b) => a.label.localeCompare(b.label)),
        ),
      )
      .catch(() => setMembers([]));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- members do not follow the version of the model.
  }, []);
  return members;
}

function useAbout(model: Model, parts: TaskParts, rows: RecordRow[]): Map<string, RecordLink[]> {
  const [about, setAbout] = useState(new Map<string, RecordLink[]>());
  const ids = rows.map(({ id }) => id).join();
  useEffect(() => {
    const { join } = parts;
    if (!join || ids === '') return;
    const wanted = ids.split(',');
    request(listDocument(model, join.holder, [join.morph]), {
      first: 500,
      filter: { [join.own.columnName]: { in: wanted } },
    })
      .then(({ list }) => {
        const found = new Map<string, RecordLink[]>();
        for (const row of list.nodes) {
          const link = readValue(model, join.morph, row);
          const task = String(row[join.own.columnName]);
          if (isLink(link)) found.set(task, [...(found.get(task) ?? []), link]);
        }
        setAbout(found);
      })
      // Without it the tasks are still there.
      .catch(() => {});
    // eslint-disable-next-line react-hooks/exhaustive-deps -- asked anew when others are shown.
  }, [ids]);
  return about;
}

function MyTasks({ model, parts }: { model: Model; parts: TaskParts }) {
  const { assignee: chosen } = useSearch({ from: '/tasks' });
  const navigate = useNavigate({ from: '/tasks' });
  const me = useSession(({ identity }) => identity?.member?.id);
  const members = useMembers(model);
  const [shown, setShown] = useState<Part[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [many, setMany] = useState<{ [group in DueGroup]?: number }>({});
  const [done, setDoneIds] = useState<Set<string>>(new Set());
  const [dragged, setDragged] = useState<RecordRow | null>(null);
  const [over, setOver] = useState<DueGroup | null>(null);
  const [told, setTold] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const { object, due, status, assignee } = parts;
  const whose = chosen ?? me ?? 'all';
  const fields = taskFields(parts);
  const key = [whose, ...fields.map(({ id }) => id), JSON.stringify(many)].join();
  const rights = rightsOf(object);

  const latest = useRef(0);
  const read = useCallback(async () => {
    const mine = (latest.current += 1);
    const today = localDay(new Date());
    const groups = DUE_GROUPS.flatMap((group) => {
      const filter = dueFilter(group, columnOf(due!), today);
      return filter ? [{ group, filter }] : [];
    });
    const base: { [name: string]: ColumnValue }[] = [{ [columnOf(status!)]: { notEqualTo: 'DONE' } }];
    if (assignee && whose !== 'all')
      base.push({ [columnOf(assignee)]: whose === 'none' ? { isNull: true } : { equalTo: whose } });
    try {
      const answer = await request(
        partsDocument(
          model,
          object,
          fields,
          groups.map(() => true),
        ),
        {
          values: [{ function: 'COUNT' }],
          orderBy: orderBy(object, [{ field: due!.name, descending: false }]),
          ...Object.fromEntries(groups.map(({ group }, at) => [`n${at}`, many[group] ?? A_PAGE])),
          ...Object.fromEntries(groups.map(({ filter }, at) => [`f${at}`, { and: [...base, filter] }])),
        },
      );
      if (mine !== latest.current) return;
      setShown(
        groups.map(({ group }, at) => {
          const part = answer[`p${at}`]!;
          return {
            group,
            rows: part.nodes ?? [],
            count: Number(part.groups[0]?.values[0] ?? 0),
            hasMore: part.pageInfo?.hasNextPage ?? false,
          };
        }),
      );
      setDoneIds(new Set());
      setFailure(null);
    } catch (cause) {
      if (mine === latest.current) setFailure(toFailure(cause));
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- key stands for all that the query is made from.
  }, [key, object.id]);
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
  useShortcut('create', rights.canCreate ? () => field.current?.focus() : null);

  const rows = (shown ?? []).flatMap((part) => part.rows);
  const about = useAbout(model, parts, rows);

  const tick = async (row: RecordRow, isDone: boolean) => {
    focusNext(row.id);
    setDoneIds((now) => new Set(isDone ? [...now, row.id] : [...now].filter((id) => id !== row.id)));
    setTold(`${recordLabel(model, object, row)}: ${isDone ? 'done' : 'open'}`);
    await setDone(model, parts, row, isDone);
    await read();
  };
  const put = async (row: RecordRow, group: DueGroup) => {
    const today = localDay(new Date());
    if (!takesTasks(group, today)) return;
    const before = row[columnOf(due!)];
    const next = onDay(dayIn(group, today), typeof before === 'string' ? before : null);
    // At once where it is put, and for good when it is saved.
    setShown((now) =>
      (now ?? []).map((part) => ({
        ...part,
        rows:
          part.group === group
            ? [...part.rows.filter(({ id }) => id !== row.id), { ...row, [columnOf(due!)]: next }]
            : part.rows.filter(({ id }) => id !== row.id),
      })),
    );
    setTold(next ? t('Due {group}', { group: formatDay(dayIn(group, today) ?? '') }) : t('No date any more'));
    await setDue(model, parts, row, next);
    await read();
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>(`[data-task="${row.id}"]`)?.focus());
  };
  const create = async ({ title, due: day }: { title: string; due: string | null }) => {
    try {
      await createRecord(model, object, [], {
        [columnOf(parts.title)]: title,
        ...(day ? { [columnOf(due!)]: day } : {}),
        ...(assignee && whose !== 'none' ? { [columnOf(assignee)]: whose === 'all' ? (me ?? null) : whose } : {}),
      });
      await read();
      return true;
    } catch (cause) {
      announceFailure(t('Task not created'), cause);
      return false;
    }
  };

  const items = () => [...(list.current?.querySelectorAll<HTMLElement>('[data-task]') ?? [])];
  const focusNext = (id: string) => {
    const all = items();
    const at = all.findIndex((item) => item.dataset['task'] === id);
    if (all[at]?.contains(document.activeElement)) (all[at + 1] ?? all[at - 1])?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const item = (event.target as Element).closest<HTMLElement>('[data-task]');
    if (!item || event.metaKey || event.ctrlKey || (event.target as Element).closest('[role="menu"]')) return;
    const row = rows.find(({ id }) => id === item.dataset['task']);
    if (!row || /^(text|search)$/.test((event.target as HTMLInputElement).type ?? '')) return;
    const all = items();
    const at = all.indexOf(item);
    const isRow = event.target === item;
    if (event.altKey && (event.key === 'ArrowDown' || event.key === 'ArrowUp') && rights.canUpdate) {
      const groups = DUE_GROUPS.filter((group) => takesTasks(group, localDay(new Date())));
      const here = (shown ?? []).find((part) => part.rows.includes(row))?.group ?? 'NONE';
      const place = here === 'OVERDUE' ? -1 : groups.indexOf(here);
      const next = groups[event.key === 'ArrowDown' ? place + 1 : place - 1];
      if (next) void put(row, next);
    } else if (event.altKey) return;
    else if (event.key === 'ArrowDown' || event.key === 'j') all[at + 1]?.focus();
    else if (event.key === 'ArrowUp' || event.key === 'k') all[at - 1]?.focus();
    else if (event.key === 'x' || (event.key === ' ' && isRow)) {
      if (rights.canUpdate) void tick(row, !done.has(row.id));
    } else if (event.key === 'Enter' && isRow)
      void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id: row.id } });
    else return;
    event.preventDefault();
  };

  const nobody = rows.length === 0 && shown !== null;
  return (
    <>
      <PageHeader
        icon={<IconChecklist size={18} stroke={1.75} aria-hidden />}
        title={t('My tasks')}
        actions={
          assignee ? (
            <Select
              size="xs"
              w={190}
              aria-label={t('Tasks of')}
              searchable
              allowDeselect={false}
              value={whose}
              data={[
                ...(me ? [{ value: me, label: t('Me') }] : []),
                { value: 'all', label: t('Everybody') },
                { value: 'none', label: t('Nobody') },
                ...members.filter(({ value }) => value !== me),
              ]}
              onChange={(value) =>
                void navigate({ search: value && value !== me ? { assignee: value } : {}, replace: true })
              }
            />
          ) : null
        }
      />
      <div className={classes.page} role="region" aria-label={t('Tasks by when they are due')} tabIndex={0}>
        <div className={classes.inner} ref={list} onKeyDown={onKeyDown}>
          {rights.canCreate ? (
            <NewTask field={field} placeholder={t('Add a task: Call Ann tomorrow')} onCreate={create} />
          ) : null}
          {failure ? <ReadFailure what={t('Tasks')} failure={failure} onRetry={() => void read()} /> : null}
          {nobody && !failure ? (
            <Message icon={<IconChecklist size={28} />} title={t('Nothing to do')}>
              {t(
                'Tasks that are given to you stand here by when they are due. Tick them off by X, move them to another day by drag or Alt and an arrow.',
              )}
            </Message>
          ) : null}
          {(shown ?? []).map(({ group, rows: tasks, count, hasMore }) =>
            tasks.length > 0 || (dragged && takesTasks(group, localDay(new Date()))) ? (
              <section
                key={group}
                className={classes.group}
                aria-labelledby={`due-${group}`}
                data-over={over === group || undefined}
                onDragOver={(event) => {
                  if (!dragged || !takesTasks(group, localDay(new Date()))) return;
                  event.preventDefault();
                  if (over !== group) setOver(group);
                }}
                onDragLeave={(event) => {
                  if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(null);
                }}
                onDrop={(event) => {
                  event.preventDefault();
                  if (dragged && !tasks.includes(dragged)) void put(dragged, group);
                  setOver(null);
                  setDragged(null);
                }}
              >
                <div className={classes.groupHead}>
                  <h2 id={`due-${group}`} className={classes.groupTitle} data-late={group === 'OVERDUE' || undefined}>
                    {TITLES[group]}
                  </h2>
                  <span className={classes.count}>{count}</span>
                </div>
                <ul className={classes.list} onDragEnd={() => setDragged(null)}>
                  {tasks.map((row, index) => (
                    <TaskRow
                      key={row.id}
                      model={model}
                      parts={parts}
                      row={row}
                      isFirst={tasks === (shown ?? []).find((part) => part.rows.length > 0)?.rows && index === 0}
                      about={about.get(row.id)?.map((link) => (
                        <About key={link.id} model={model} parts={parts} link={link} />
                      ))}
                      isDone={done.has(row.id)}
                      showsAssignee={whose === 'all'}
                      onDone={(isDone) => void tick(row, isDone)}
                      onDue={(next) => void setDue(model, parts, row, next).then(read)}
                      onDelete={() => void remove(parts, row.id, () => void read()).then(read)}
                      onDragStart={(event) => {
                        event.dataTransfer.effectAllowed = 'move';
                        event.dataTransfer.setData('text/plain', recordLabel(model, object, row));
                        // The places to drop it are shown once it is on its way.
                        setTimeout(() => setDragged(row));
                      }}
                    />
                  ))}
                </ul>
                {hasMore ? (
                  <Button
                    size="compact-sm"
                    variant="subtle"
                    onClick={() => setMany((now) => ({ ...now, [group]: (now[group] ?? A_PAGE) + A_PAGE }))}
                  >
                    {t('Show more')}
                  </Button>
                ) : null}
              </section>
            ) : null,
          )}
          <p role="status" className={classes.told}>
            {told}
          </p>
        </div>
      </div>
    </>
  );
}

function About({ model, parts, link }: { model: Model; parts: TaskParts; link: RecordLink }) {
  const relation = parts.join?.morph.relations.find(({ id }) => id === link.relationId);
  const target = model.objects.find(({ id }) => id === relation?.targetObjectId);
  if (!target || !link.label) return null;
  return (
    <Link to="/objects/$namePlural/$id" params={{ namePlural: target.namePlural, id: link.id }} draggable={false}>
      {link.label}
    </Link>
  );
}
