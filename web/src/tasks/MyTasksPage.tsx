import { Select } from '@mantine/core';
import { IconChecklist } from '@tabler/icons-react';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useRef, useState, type KeyboardEvent } from 'react';
import { Message } from '../app/Message.tsx';
import { localDay } from '../model/dates.ts';
import { rightsOf } from '../model/permissions.ts';
import { useModel } from '../model/store.ts';
import type { Model, RecordRow } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { announceFailure } from '../records/announce.tsx';
import { createRecord } from '../records/changes.ts';
import { PageHeader } from '../records/PageHeader.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { useSession } from '../session/session.ts';
import { useShortcut } from '../shortcuts/useShortcut.ts';
import { About } from './About.tsx';
import { remove, setDone, setDue } from './act.ts';
import { DUE_GROUPS, dayIn, onDay, takesTasks } from './dueGroups.ts';
import { NewTask } from './NewTask.tsx';
import { TaskGroup, TITLES } from './TaskGroup.tsx';
import { TaskRow } from './TaskRow.tsx';
import { columnOf, taskParts, type TaskParts } from './taskParts.ts';
import { useAbout } from './useAbout.ts';
import { useMembers } from './useMembers.ts';
import { useTaskFocus } from './useTaskFocus.ts';
import { useTaskGroups, type GroupName } from './useTaskGroups.ts';
import classes from './tasks.module.css';
import { t } from '../language/t.ts';

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

function MyTasks({ model, parts }: { model: Model; parts: TaskParts }) {
  const { assignee: chosen } = useSearch({ from: '/tasks' });
  const navigate = useNavigate({ from: '/tasks' });
  const me = useSession(({ identity }) => identity?.member?.id);
  const members = useMembers(model);
  const whose = chosen ?? me ?? 'all';
  const [showsDone, setShowsDone] = useState(false);
  const { groups, failure, read, place, showMore } = useTaskGroups(model, parts, whose, showsDone);
  const [ticked, setTicked] = useState(new Map<string, boolean>());
  const [dragged, setDragged] = useState<RecordRow | null>(null);
  const [told, setTold] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const focus = useTaskFocus(list);
  const { object, due, status, assignee } = parts;
  const rights = rightsOf(object);
  useShortcut('create', rights.canCreate ? () => field.current?.focus() : null);

  const shown = groups ?? [];
  const rows = shown.flatMap((part) => part.rows);
  const {
    about,
    failure: aboutFailure,
    again,
  } = useAbout(
    model,
    parts,
    rows.map(({ id }) => id),
  );
  const labelOf = (row: RecordRow) => recordLabel(model, object, row) || t('Untitled');
  const groupOf = (row: RecordRow): GroupName =>
    shown.find((part) => part.rows.some(({ id }) => id === row.id))?.group ?? 'NONE';
  const isDone = (row: RecordRow) => ticked.get(row.id) ?? row[columnOf(status!)] === 'DONE';

  const tick = async (row: RecordRow, toDone: boolean) => {
    const name = labelOf(row);
    goOn(row.id);
    setTicked((now) => new Map(now).set(row.id, toDone));
    setTold(toDone ? t('“{name}” done', { name }) : t('“{name}” open again', { name }));
    await setDone(model, parts, row, toDone);
    await read();
    setTicked((now) => new Map([...now].filter(([id]) => id !== row.id)));
  };
  const put = async (row: RecordRow, group: GroupName) => {
    if (group === 'DONE') return tick(row, true);
    const today = localDay(new Date());
    if (!takesTasks(group, today)) return;
    const before = row[columnOf(due!)];
    const next = onDay(dayIn(group, today), typeof before === 'string' ? before : null);
    place({ ...row, [columnOf(due!)]: next }, group);
    setTold(t('“{name}” moved to {group}', { name: labelOf(row), group: TITLES[group] }));
    await setDue(model, parts, row, next);
    await read();
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

  /** To the next task, so that one after the other is done. */
  const goOn = (id: string) => {
    const items = focus.items();
    const at = items.findIndex((item) => item.dataset['task'] === id);
    if (items[at]?.contains(document.activeElement)) (items[at + 1] ?? items[at - 1])?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const item = (event.target as Element).closest<HTMLElement>('[data-task]');
    if (!item || event.metaKey || event.ctrlKey || (event.target as Element).closest('[role="menu"]')) return;
    const row = rows.find(({ id }) => id === item.dataset['task']);
    if (!row || /^(text|search)$/.test((event.target as HTMLInputElement).type ?? '')) return;
    const items = focus.items();
    const at = items.indexOf(item);
    const isRow = event.target === item;
    if (event.altKey && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      const here = groupOf(row);
      if (!rights.canUpdate || here === 'DONE') return;
      const days = DUE_GROUPS.filter((group) => group === here || takesTasks(group, localDay(new Date())));
      const next = days[days.indexOf(here) + (event.key === 'ArrowDown' ? 1 : -1)];
      if (next) void put(row, next);
    } else if (event.altKey) return;
    else if (event.key === 'ArrowDown' || event.key === 'j') items[at + 1]?.focus();
    else if (event.key === 'ArrowUp' || event.key === 'k') items[at - 1]?.focus();
    else if (event.key === 'x' || (event.key === ' ' && isRow)) {
      if (rights.canUpdate) void tick(row, !isDone(row));
    } else if (event.key === 'Enter' && isRow)
      void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id: row.id } });
    else return;
    event.preventDefault();
  };

  /** What takes what is dragged. */
  const dropOn = (group: GroupName) =>
    dragged && (group === 'DONE' || takesTasks(group, localDay(new Date())))
      ? () => {
          if (groupOf(dragged) !== group) void put(dragged, group);
          setDragged(null);
        }
      : null;
  const isNothingOpen = groups !== null && shown.every(({ group, count }) => group === 'DONE' || count === 0);
  const reachable = rows.some(({ id }) => id === focus.current) ? focus.current : rows[0]?.id;
  return (
    <>
      <PageHeader
        icon={<IconChecklist size={18} stroke={1.75} aria-hidden />}
        title={t('My tasks')}
        actions={
          assignee ? (
            <Select
              size="xs"
              className={classes.whoseTasks}
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
        <div
          className={classes.inner}
          ref={list}
          onKeyDown={onKeyDown}
          onFocus={focus.onFocus}
          onBlur={focus.onBlur}
          onDragEnd={() => setDragged(null)}
        >
          {rights.canCreate ? (
            <NewTask field={field} placeholder={t('Add a task: Call Ann tomorrow')} onCreate={create} />
          ) : null}
          {failure ? <ReadFailure what={t('Tasks')} failure={failure} onRetry={() => void read()} /> : null}
          {aboutFailure && !failure ? (
            <ReadFailure what={t('What the tasks are about')} failure={aboutFailure} onRetry={again} />
          ) : null}
          {groups === null && !failure
            ? ['60%', '45%', '70%'].map((width) => (
                <div key={width} className={classes.row} aria-hidden>
                  <span className={classes.bone} style={{ width }} />
                </div>
              ))
            : null}
          {isNothingOpen && !failure ? (
            <Message icon={<IconChecklist size={28} />} title={t('Nothing to do')}>
              {t(
                'Tasks that are given to you stand here by when they are due. Tick them off by X, move them to another day by drag or Alt and an arrow.',
              )}
            </Message>
          ) : null}
          {shown.map((part) => {
            const { group, count } = part;
            const onDrop = dropOn(group);
            // Where nothing is due a place to drop it is shown once something is on its way.
            if (count === 0 && !onDrop) return null;
            return (
              <TaskGroup
                key={group}
                part={part}
                onDrop={onDrop}
                onMore={() => showMore(group)}
                {...(group === 'DONE' ? { isOpen: showsDone, onToggle: () => setShowsDone(!showsDone) } : {})}
              >
                {(row) => (
                  <TaskRow
                    key={row.id}
                    model={model}
                    parts={parts}
                    row={row}
                    isReachable={row.id === reachable}
                    about={about.get(row.id)?.map((link) => (
                      <About key={link.id} model={model} parts={parts} link={link} />
                    ))}
                    isDone={isDone(row)}
                    showsAssignee={whose === 'all'}
                    onDone={(toDone) => void tick(row, toDone)}
                    onDue={(next) => void setDue(model, parts, row, next).then(read)}
                    onDelete={() => void remove(parts, row.id, () => void read()).then(read)}
                    {...(group === 'DONE'
                      ? {}
                      : {
                          onDragStart: (event) => {
                            event.dataTransfer.effectAllowed = 'move';
                            event.dataTransfer.setData('text/plain', labelOf(row));
                            // The browser gives up a drag whose page changes at once.
                            setTimeout(() => setDragged(row));
                          },
                        })}
                  />
                )}
              </TaskGroup>
            );
          })}
          <p role="status" className={classes.told}>
            {told}
          </p>
        </div>
      </div>
    </>
  );
}
