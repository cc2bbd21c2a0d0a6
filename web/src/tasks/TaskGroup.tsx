import { Button } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { countText } from '../model/formats.ts';
import type { RecordRow } from '../model/types.ts';
import type { GroupName, TaskGroupRows } from './useTaskGroups.ts';
import classes from './tasks.module.css';
import { t } from '../language/t.ts';

export const TITLES: { [group in GroupName]: string } = {
  OVERDUE: t('Overdue'),
  TODAY: t('Today'),
  TOMORROW: t('Tomorrow'),
  WEEK: t('This week'),
  LATER: t('Later'),
  NONE: t('No date'),
  DONE: t('Done'),
};

interface TaskGroupProps {
  part: TaskGroupRows;
  /** Given where it opens and closes. */
  isOpen?: boolean;
  onToggle?: () => void;
  /** Null while nothing is dragged that it takes. */
  onDrop: (() => void) | null;
  onMore: () => void;
  children: (row: RecordRow, index: number) => ReactNode;
}

/** The tasks that are due then, and where others are dropped to be so. */
export function TaskGroup({ part, isOpen, onToggle, onDrop, onMore, children }: TaskGroupProps) {
  const [isOver, setIsOver] = useState(false);
  const { group, rows, count, hasMore } = part;
  const title = (
    <>
      {TITLES[group]} <span className={classes.count}>{countText(count)}</span>
    </>
  );
  return (
    <section
      className={classes.group}
      aria-label={TITLES[group]}
      data-over={(isOver && onDrop !== null) || undefined}
      onDragOver={(event) => {
        if (!onDrop) return;
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setIsOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setIsOver(false);
        onDrop?.();
      }}
    >
      <h2 className={classes.groupTitle} data-late={group === 'OVERDUE' || undefined}>
        {onToggle ? (
          <button type="button" className={classes.toggle} aria-expanded={isOpen} onClick={onToggle}>
            <IconChevronRight size={14} stroke={2} aria-hidden />
            {title}
          </button>
        ) : (
          title
        )}
      </h2>
      {rows.length > 0 ? <ul className={classes.list}>{rows.map(children)}</ul> : null}
      {hasMore ? (
        <Button size="compact-sm" variant="subtle" onClick={onMore}>
          {t('Show more')}
        </Button>
      ) : null}
    </section>
  );
}
