import { IconChecklist } from '@tabler/icons-react';
import { useCallback, useEffect, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { throughDocument } from '../model/documents.ts';
import type { RelatedList } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import type { Model, RecordRow } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { createRecord, deleteRecords } from '../records/changes.ts';
import { ReadFailure } from '../records/ReadFailure.tsx';
import record from '../records/RecordView.module.css';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { useSession } from '../session/session.ts';
import { remembering, type Step } from '../undo/undo.ts';
import { remove, setDone, setDue } from './act.ts';
import { NewTask } from './NewTask.tsx';
import { TaskRow } from './TaskRow.tsx';
import { columnOf, taskFields, taskParts } from './taskParts.ts';
import classes from './tasks.module.css';
import { t } from '../language/t.ts';

const MOST = 100;

interface Joined {
  join: string;
  row: RecordRow;
}

/** The tasks of a record: what is to be done first, by when, and what is done last. */
export function TasksCard({ model, list, id }: { model: Model; list: RelatedList; id: string }) {
  const parts = taskParts(model);
  const [tasks, setTasks] = useState<Joined[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const me = useSession(({ identity }) => identity?.member?.id);
  const { holder, relation, through } = list;
  const key = parts
    ? taskFields(parts)
        .map((field) => field.id)
        .join()
    : '';

  const read = useCallback(async () => {
    if (!parts || !through) return;
    try {
      const { list: page } = await request(
        throughDocument(model, holder, through.relation.name, parts.object, taskFields(parts)),
        { first: MOST, filter: { [relation.columnName]: { equalTo: id } }, orderBy: ['CREATED_AT_DESC', 'ID_DESC'] },
      );
      setTasks(
        page.nodes.flatMap((join) => {
          const row = join[through.relation.name] as RecordRow | null;
          return row ? [{ join: join.id, row }] : [];
        }),
      );
      setFailure(null);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- key stands for the fields, and they for the model.
  }, [key, holder.id, relation.columnName, id]);
  useEffect(() => void read(), [read]);
  useLiveObjects([holder.id, parts?.object.id ?? ''], () => void read());

  if (!parts || !through) return null;
  const { object, due, status, assignee, title } = parts;
  const isDone = (row: RecordRow) => status !== undefined && row[columnOf(status)] === 'DONE';
  const dueOf = (row: RecordRow) => (due ? String(row[columnOf(due)] ?? '9999') : '9999');
  const sorted = [...(tasks ?? [])].sort(
    (a, b) => Number(isDone(a.row)) - Number(isDone(b.row)) || dueOf(a.row).localeCompare(dueOf(b.row)),
  );
  const mayCreate = rightsOf(object).canCreate && rightsOf(holder).canCreate;
  const create = async (task: { title: string; due: string | null }) => {
    const step: Step = { label: t('new task'), requestIds: [] };
    try {
      await remembering(step, async () => {
        const row = await createRecord(
          model,
          object,
          [],
          {
            [columnOf(title)]: task.title,
            ...(task.due && due ? { [columnOf(due)]: task.due } : {}),
            ...(assignee && me ? { [columnOf(assignee)]: me } : {}),
          },
          step,
        );
        await createRecord(
          model,
          holder,
          [],
          { [through.relation.columnName]: row.id, [relation.columnName]: id },
          step,
        );
      });
      await read();
      return true;
    } catch (cause) {
      announceFailure(t('Task not created'), cause);
      return false;
    }
  };
  const unlink = async (join: string) => {
    try {
      await deleteRecords(holder, [join]);
    } catch (cause) {
      announceFailure(t('Link not removed'), cause);
    }
    await read();
  };
  if (!mayCreate && tasks?.length === 0) return null;
  return (
    <section className={record.block} aria-label={list.label} data-empty={tasks?.length === 0 || undefined}>
      <div className={record.blockHead}>
        <IconChecklist size={15} stroke={1.75} aria-hidden />
        <h2 className={record.blockTitle}>{list.label}</h2>
        {sorted.length > 0 ? (
          <span className={record.count}>{sorted.length < MOST ? sorted.length : `${MOST}+`}</span>
        ) : null}
      </div>
      {mayCreate ? <NewTask placeholder={t('Add a task: Send the offer tomorrow')} onCreate={create} /> : null}
      {failure ? <ReadFailure what={t('Tasks')} failure={failure} onRetry={() => void read()} /> : null}
      {tasks === null && !failure ? (
        <div className={record.boneRow}>
          <span className={record.bone} style={{ width: '60%' }} />
        </div>
      ) : null}
      <ul className={classes.list}>
        {sorted.map(({ join, row }) => (
          <TaskRow
            key={row.id}
            model={model}
            parts={parts}
            row={row}
            isReachable={false}
            isDone={isDone(row)}
            showsAssignee
            onDone={(ticked) => {
              setTasks((now) =>
                (now ?? []).map((each) =>
                  each.join === join && status
                    ? { join, row: { ...row, [columnOf(status)]: ticked ? 'DONE' : 'TODO' } }
                    : each,
                ),
              );
              void setDone(model, parts, row, ticked).then(read);
            }}
            onDue={(next) => void setDue(model, parts, row, next).then(read)}
            onDelete={() => void remove(parts, row.id, () => void read()).then(read)}
            {...(rightsOf(holder).canDelete ? { onUnlink: () => void unlink(join) } : {})}
          />
        ))}
      </ul>
    </section>
  );
}
