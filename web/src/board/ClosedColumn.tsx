import { IconChevronRight } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { t } from '../language/t.ts';
import { countText } from '../model/formats.ts';
import classes from './board.module.css';
import type { DropZone } from './cardDrag.ts';
import type { BoardColumn as Column } from './columns.ts';

/** A column that shows its name alone. Cards can be put there all the same. */
export function ClosedColumn({
  column,
  count,
  zones,
  onOpen,
}: {
  column: Column;
  count: number;
  zones: Map<string, DropZone>;
  onOpen: () => void;
}) {
  const element = useRef<HTMLElement>(null);
  const { key, label } = column;
  useEffect(() => {
    if (!element.current) return undefined;
    zones.set(key, { key, element: element.current, list: null, offsets: () => [0] });
    return () => void zones.delete(key);
  }, [zones, key]);
  return (
    <section ref={element} className={classes.closed} aria-label={label} data-column={key}>
      <button type="button" onClick={onOpen} title={t('Open the column')}>
        <IconChevronRight size={15} aria-hidden />
        <span className={classes.closedName}>{label}</span>
        <span className={classes.count}>{countText(count)}</span>
      </button>
    </section>
  );
}
