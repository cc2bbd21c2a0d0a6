import { ActionIcon } from '@mantine/core';
import { IconCalendarPlus, IconGripVertical, IconX } from '@tabler/icons-react';
import type { PointerEvent } from 'react';
import { countText } from '../model/formats.ts';
import { inSentence } from '../language/inSentence.ts';
import { t } from '../language/t.ts';
import type { Model, ModelObject, RecordRow } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import classes from './gantt.module.css';

interface UndatedProps {
  model: Model;
  object: ModelObject;
  rows: RecordRow[];
  total: number | null;
  hasMore: boolean;
  isMovable: boolean;
  /** The day that one is put on by its button. */
  day: string;
  onMore: () => void;
  onOpen: (id: string) => void;
  onPut: (row: RecordRow) => void;
  onPointerDown: (event: PointerEvent<HTMLElement>, row: RecordRow) => void;
  onClose: () => void;
}

/** The records that a timeline cannot show: dragged into it, or put there by a button. */
export function Undated(props: UndatedProps) {
  const { model, object, rows, total, hasMore, isMovable, day } = props;
  const title = t('Without a date');
  return (
    <aside className={classes.tray} aria-label={title}>
      <header>
        <h2>
          {title} <span>{countText(total ?? rows.length)}</span>
        </h2>
        <ActionIcon variant="subtle" color="gray" aria-label={t('Close the list')} onClick={props.onClose}>
          <IconX size={16} />
        </ActionIcon>
      </header>
      {rows.length === 0 ? (
        <p className={classes.quiet}>
          {t('All {labelPlural} are in the timeline.', { labelPlural: inSentence(object.labelPlural) })}
        </p>
      ) : (
        <ul
          onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
            if (hasMore && scrollTop + clientHeight > scrollHeight - 400) props.onMore();
          }}
        >
          {rows.map((row) => {
            const label = recordLabel(model, object, row) || t('Untitled');
            return (
              <li key={row.id} data-undated={row.id}>
                <button
                  type="button"
                  data-movable={isMovable || undefined}
                  onClick={() => props.onOpen(row.id)}
                  onPointerDown={(event) => isMovable && props.onPointerDown(event, row)}
                >
                  {isMovable ? <IconGripVertical size={13} aria-hidden /> : null}
                  <span>{label}</span>
                </button>
                {isMovable ? (
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={t('Put {label} on {day}', { label, day })}
                    title={t('Put on {day}', { day })}
                    onClick={() => props.onPut(row)}
                  >
                    <IconCalendarPlus size={15} />
                  </ActionIcon>
                ) : null}
              </li>
            );
          })}
        </ul>
      )}
    </aside>
  );
}
