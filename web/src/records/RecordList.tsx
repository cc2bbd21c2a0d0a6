import { useVirtualizer } from '@tanstack/react-virtual';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import { Tag } from '../fields/Tag.tsx';
import { formatValue } from '../model/text.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { readValue, recordLabel } from '../model/values.ts';
import classes from './records.module.css';
import { t } from '../language/t.ts';

const ROW = 60;

interface RecordListProps {
  model: Model;
  object: ModelObject;
  fields: ModelField[];
  rows: RecordRow[];
  pending: number;
  onSeen: (first: number, last: number) => void;
}

/** A table on a phone: each record in two lines, its label and the first things one would ask about it. */
export function RecordList({ model, object, fields, rows, pending, onSeen }: RecordListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length + pending,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 8,
  });
  const first = virtualizer.range?.startIndex ?? 0;
  const last = virtualizer.range?.endIndex ?? 0;
  useEffect(() => onSeen(first, last), [onSeen, first, last, rows.length]);
  const others = fields.filter((field) => field.id !== object.labelFieldId);
  const select = others.find((field) => field.type === 'SELECT');
  const details = others.filter((field) => field !== select && field.type !== 'BOOLEAN');

  return (
    <div
      ref={scroller}
      className={classes.listScroll}
      role="feed"
      aria-label={object.labelPlural}
      aria-busy={pending > 0 && rows.length === 0}
      tabIndex={0}
    >
      <div style={{ position: 'relative', height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map(({ index, start }) => {
          const row = rows[index];
          if (!row) {
            return (
              <div key={index} className={classes.listRow} style={{ top: start }}>
                <span className={classes.listBone} />
              </div>
            );
          }
          const label = recordLabel(model, object, row) || t('Untitled');
          const lines = details.flatMap((field) => formatValue(field, readValue(model, field, row)) || []).slice(0, 3);
          const option = select?.options?.find((each) => each.value === readValue(model, select, row));
          return (
            <article
              key={row.id}
              aria-posinset={index + 1}
              aria-setsize={-1}
              className={classes.listRow}
              style={{ top: start }}
            >
              <Link
                to="/objects/$namePlural/$id"
                params={{ namePlural: object.namePlural, id: row.id }}
                className={classes.listLink}
              >
                <Avatar label={label} seed={row.id} size={34} round={object.nameSingular === 'person'} />
                <span className={classes.listText}>
                  <span className={classes.listLabel}>{label}</span>
                  <span className={classes.listDetail}>{lines.join(' · ')}</span>
                </span>
                {option ? <Tag label={option.label} color={option.color} /> : null}
              </Link>
            </article>
          );
        })}
      </div>
    </div>
  );
}
