import { useVirtualizer } from '@tanstack/react-virtual';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { useDensityFactor } from '../app/density.ts';
import type { GridStore } from '../grid/store.ts';
import { rightsOf } from '../model/permissions.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { recordLabel, type FieldValue } from '../model/values.ts';
import { useFavour } from '../views/useFavour.ts';
import { cardActions } from './cardActions.tsx';
import classes from './phone.module.css';
import { RecordCard } from './RecordCard.tsx';
import { t } from '../language/t.ts';

const CardSheet = lazy(() => import('./CardSheet.tsx'));

const USUAL_HEIGHT = 84;

interface RecordListProps {
  model: Model;
  object: ModelObject;
  fields: ModelField[];
  rows: RecordRow[];
  pending: number;
  grid: GridStore;
  onSeen: (first: number, last: number) => void;
  onSave: (id: string, field: ModelField, value: FieldValue) => void;
  onDelete: (ids: string[]) => Promise<void>;
}

/** A table on a phone: a card for each record, drawn aside to do something with it and held to select it. */
export function RecordList(props: RecordListProps) {
  const { model, object, fields, rows, pending, grid, onSeen, onSave, onDelete } = props;
  const navigate = useNavigate();
  const scroller = useRef<HTMLDivElement>(null);
  const factor = useDensityFactor();
  const virtualizer = useVirtualizer({
    count: rows.length + pending,
    getScrollElement: () => scroller.current,
    getItemKey: (index) => rows[index]?.id ?? index,
    estimateSize: () => USUAL_HEIGHT * factor,
    overscan: 6,
  });
  const first = virtualizer.range?.startIndex ?? 0;
  const last = virtualizer.range?.endIndex ?? 0;
  useEffect(() => onSeen(first, last), [onSeen, first, last, rows.length]);

  const selected = useStore(grid, (state) => state.selected);
  const isSelecting = selected.size > 0;
  const [asked, setAsked] = useState<RecordRow | null>(null);
  const rights = rightsOf(object);
  const others = fields.filter((field) => field.id !== object.labelFieldId);
  const labelOf = (row: RecordRow) => recordLabel(model, object, row) || t('Untitled');

  const { isFavourite, favour } = useFavour(object);
  const actionsOf = (row: RecordRow) =>
    cardActions(row, {
      model,
      object,
      fields,
      mayUpdate: rights.canUpdate,
      isFavourite,
      onFavourite: favour && ((id) => favour([id])),
      onSave: ({ id }, field, value) => onSave(id, field, value),
    });
  const maySelect = rights.canDelete || rights.canUpdate;

  return (
    <>
      <div
        ref={scroller}
        className={classes.scroll}
        data-rows
        role="feed"
        aria-label={object.labelPlural}
        aria-busy={pending > 0 && rows.length === 0}
        tabIndex={0}
      >
        <div className={classes.all} style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map(({ index, start, key }) => {
            const row = rows[index];
            const place = { top: start };
            if (!row) {
              return (
                <div key={key} className={classes.place} style={place}>
                  <span className={classes.bone} />
                </div>
              );
            }
            const label = labelOf(row);
            return (
              <article
                key={key}
                ref={virtualizer.measureElement}
                data-index={index}
                aria-posinset={index + 1}
                aria-setsize={-1}
                aria-label={label}
                className={classes.place}
                style={place}
              >
                <RecordCard
                  model={model}
                  object={object}
                  fields={others}
                  row={row}
                  label={label}
                  action={actionsOf(row)[0] ?? null}
                  onSelect={maySelect ? () => grid.toggleSelected(row.id) : null}
                  onDelete={rights.canDelete ? () => void onDelete([row.id]) : null}
                  onMore={() => setAsked(row)}
                  isSelected={isSelecting ? selected.has(row.id) : null}
                />
              </article>
            );
          })}
        </div>
      </div>
      <Suspense fallback={null}>
        {asked ? (
          <CardSheet
            label={labelOf(asked)}
            actions={actionsOf(asked)}
            onOpen={() =>
              void navigate({
                to: '/objects/$namePlural/$id',
                params: { namePlural: object.namePlural, id: asked.id },
              })
            }
            onSelect={maySelect ? () => grid.toggleSelected(asked.id) : null}
            onDelete={rights.canDelete ? () => void onDelete([asked.id]) : null}
            onClose={() => setAsked(null)}
          />
        ) : null}
      </Suspense>
    </>
  );
}
