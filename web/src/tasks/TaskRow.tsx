import { ActionIcon, Menu } from '@mantine/core';
import { IconCalendarEvent, IconDots, IconLinkOff, IconRepeat, IconTrash } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState, type DragEvent, type ReactNode } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import { DateEditor } from '../fields/DateEditor.tsx';
import { addDays, formatDay, formatInstant, formatRelativeDay, localDay, splitInstant } from '../model/dates.ts';
import { timeOfDay } from '../model/formats.ts';
import { rightsOf } from '../model/permissions.ts';
import { recurrenceText } from '../model/recurrence.ts';
import type { Model, RecordRow } from '../model/types.ts';
import { isLink, readValue, recordLabel } from '../model/values.ts';
import { dayIn, onDay } from './dueGroups.ts';
import { columnOf, type TaskParts } from './taskParts.ts';
import classes from './tasks.module.css';
import { t } from '../language/t.ts';

interface TaskRowProps {
  model: Model;
  parts: TaskParts;
  row: RecordRow;
  /** What it is about, where that is not where it stands. */
  about?: ReactNode;
  isDone: boolean;
  onDone: (isDone: boolean) => void;
  onDue: (due: string | null) => void;
  onDelete: () => void;
  onUnlink?: () => void;
  onDragStart?: (event: DragEvent) => void;
  showsAssignee: boolean;
  /** One row can be reached by Tab; arrows lead to the others. */
  isReachable: boolean;
}

const dueOf = (parts: TaskParts, row: RecordRow): string | null => {
  const value = parts.due ? row[columnOf(parts.due)] : null;
  return typeof value === 'string' ? value : null;
};

/** Today at 15:00, tomorrow, 4 Dec 2026. */
function dueText(due: string): string {
  const { day, time } = splitInstant(due);
  const distance = Math.abs(Date.parse(day) - Date.parse(localDay(new Date()))) / 86_400_000;
  return `${distance < 7 ? formatRelativeDay(day) : formatDay(day)}, ${timeOfDay(time)}`;
}

/** A task in a list: ticked off, moved to another day, opened. */
export function TaskRow({
  model,
  parts,
  row,
  about,
  isDone,
  onDone,
  onDue,
  onDelete,
  onUnlink,
  onDragStart,
  showsAssignee,
  isReachable,
}: TaskRowProps) {
  const [isDating, setIsDating] = useState(false);
  const { object, due: dueField, status, assignee, recurrence } = parts;
  const rights = rightsOf(object);
  const label = recordLabel(model, object, row) || t('Untitled');
  const due = dueOf(parts, row);
  const today = localDay(new Date());
  const isLate = due !== null && !isDone && new Date(due) < new Date();
  const mayChange = rights.canUpdate;
  const whose = assignee ? readValue(model, assignee, row) : null;
  const again = recurrence ? row[columnOf(recurrence)] : null;
  const move = (day: string | null) => onDue(onDay(day, due));
  return (
    <li
      className={classes.row}
      data-task={row.id}
      data-done={isDone || undefined}
      tabIndex={isReachable ? 0 : -1}
      draggable={onDragStart !== undefined && mayChange}
      onDragStart={onDragStart}
    >
      <input
        type="checkbox"
        className={classes.tick}
        checked={isDone}
        disabled={!mayChange || !status}
        aria-label={t('Done: {label}', { label })}
        onChange={(event) => onDone(event.currentTarget.checked)}
      />
      <Link
        to="/objects/$namePlural/$id"
        params={{ namePlural: object.namePlural, id: row.id }}
        className={classes.title}
        draggable={false}
      >
        {label}
      </Link>
      {typeof again === 'string' && again !== '' ? (
        <span className={classes.again} title={recurrenceText(again)}>
          <IconRepeat size={14} stroke={1.75} role="img" aria-label={recurrenceText(again)} />
        </span>
      ) : null}
      <span className={classes.facts}>
        <span className={classes.about}>{about}</span>
        {dueField && isDating ? (
          <div className={classes.dating}>
            <DateEditor
              field={dueField}
              value={due}
              typed={null}
              onSave={(value) => onDue(typeof value === 'string' ? value : null)}
              done={() => setIsDating(false)}
            />
          </div>
        ) : due ? (
          <time dateTime={due} title={formatInstant(due)} className={classes.due} data-late={isLate || undefined}>
            {dueText(due)}
          </time>
        ) : null}
      </span>
      {showsAssignee && isLink(whose) ? (
        <span title={whose.label} className={classes.whose}>
          <Avatar label={whose.label} seed={whose.id} size={20} round />
          <span className="print-only">{whose.label}</span>
        </span>
      ) : null}
      {mayChange || rights.canDelete ? (
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <ActionIcon
              variant="subtle"
              color="gray"
              size={26}
              aria-label={t('More about {label}', { label })}
              className={classes.more}
            >
              <IconDots size={15} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {dueField && mayChange ? (
              <>
                <Menu.Label>{t('Due')}</Menu.Label>
                <Menu.Item onClick={() => move(today)}>{t('Today')}</Menu.Item>
                <Menu.Item onClick={() => move(addDays(today, 1))}>{t('Tomorrow')}</Menu.Item>
                <Menu.Item onClick={() => move(dayIn('LATER', today))}>{t('Next week')}</Menu.Item>
                <Menu.Item leftSection={<IconCalendarEvent size={15} />} onClick={() => setIsDating(true)}>
                  {t('Another day…')}
                </Menu.Item>
                {due ? <Menu.Item onClick={() => move(null)}>{t('No date')}</Menu.Item> : null}
                <Menu.Divider />
              </>
            ) : null}
            {onUnlink ? (
              <Menu.Item leftSection={<IconLinkOff size={15} />} onClick={onUnlink}>
                {t('Take off this record')}
              </Menu.Item>
            ) : null}
            {rights.canDelete ? (
              <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={onDelete}>
                {t('Delete')}
              </Menu.Item>
            ) : null}
          </Menu.Dropdown>
        </Menu>
      ) : null}
    </li>
  );
}
