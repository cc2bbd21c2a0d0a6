import { countText } from '../model/formats.ts';
import { ActionIcon } from '@mantine/core';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { lazy, memo, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { useDensityFactor } from '../app/density.ts';
import { settled } from '../app/settled.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import classes from './board.module.css';
import { BoardCard, type CardActions } from './BoardCard.tsx';
import type { BoardState, BoardStore } from './boardStore.ts';
import type { DropZone } from './cardDrag.ts';
import { filledFields } from './cardLines.tsx';
import type { BoardColumn as Column } from './columns.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const ColumnMenu = lazy(async () => {
  await settled;
  return { default: (await import('./ColumnMenu.tsx')).ColumnMenu };
});
const NewCard = lazy(async () => ({ default: (await import('./NewCard.tsx')).NewCard }));

const PADDING = 16;
const NAME = 22;
const LINE = 22;
const GAP = 8;

/** What can be done with a column, by its key: one object, so that columns are drawn anew only when they are others. */
export interface ColumnActions {
  onLimit: (key: string, limit: number | undefined) => void;
  onCollapse: (key: string) => void;
  onHide: (key: string) => void;
  /** Makes a card of this name; says whether it did. */
  onCreate: (key: string, name: string) => Promise<boolean>;
}

interface BoardColumnProps {
  model: Model;
  object: ModelObject;
  store: BoardStore;
  column: Column;
  columns: Column[];
  fields: ModelField[];
  /** What its cards come to, as it is read; null where that is not asked. */
  sum: string | null;
  limit: number | undefined;
  isCreatable: boolean;
  /** The card in hand, if it lies here. */
  inHand: string | null;
  actions: CardActions;
  columnActions: ColumnActions;
  zones: Map<string, DropZone>;
  /** Tells how to bring a card into sight. */
  reveal: Map<string, (index: number) => void>;
}

/** Where the card under way would come to lie among the cards of a column; null for elsewhere, and where it is. */
function markOf({ held }: BoardState, key: string): number | null {
  if (!held || held.to.column !== key) return null;
  const isHere = held.from.column === key;
  if (isHere && held.to.index === held.from.index) return null;
  return held.to.index + (isHere && held.to.index >= held.from.index ? 1 : 0);
}

function Mark({ store, column, offsets }: { store: BoardStore; column: string; offsets: number[] }) {
  const mark = useStore(store, (state) => markOf(state, column));
  return mark === null ? null : (
    <div
      className={classes.mark}
      style={{ top: (offsets[mark] ?? offsets.at(-1) ?? 0) - GAP / 2 - 1 }}
      role="presentation"
    />
  );
}

export const BoardColumn = memo(function BoardColumn(props: BoardColumnProps) {
  const { model, object, store, column, columns, fields, sum, limit, isCreatable, inHand, actions, zones, reveal } =
    props;
  const { onLimit, onCollapse, onHide, onCreate } = props.columnActions;
  const { key, label } = column;
  const cards = useStore(store, (state) => state.cards[key]);
  // Cards are taken up and moved without the columns: only that it is the target concerns one.
  const isTarget = useStore(store, (state) => markOf(state, key) !== null);
  const isRefusing = useStore(store, (state) => markOf(state, key) !== null && state.held?.from.column !== key);
  const [creating, setCreating] = useState(false);
  const list = useRef<HTMLDivElement>(null);
  const element = useRef<HTMLElement>(null);
  const rows = useMemo(() => cards?.rows ?? [], [cards?.rows]);
  const count = cards?.count ?? 0;

  const lines = useMemo(() => rows.map((row) => filledFields(model, fields, row)), [model, fields, rows]);
  const factor = useDensityFactor();
  const offsets = useMemo(() => {
    const found = [0];
    for (const each of lines) found.push((found.at(-1) ?? 0) + (PADDING + NAME + each.length * LINE) * factor + GAP);
    return found;
  }, [lines, factor]);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => list.current,
    estimateSize: (index) => (offsets[index + 1] ?? 0) - (offsets[index] ?? 0),
    // Another function for other rows: what is known of the heights of the old ones is forgotten.
    // eslint-disable-next-line react-hooks/exhaustive-deps -- other heights, too
    getItemKey: useMemo(() => (index: number) => rows[index]?.id ?? index, [rows, factor]),
    overscan: 4,
  });
  const last = virtualizer.range?.endIndex ?? 0;
  const isNearEnd = cards?.hasMore === true && last + 15 > rows.length;
  useEffect(() => {
    if (isNearEnd) void store.more(key).catch(() => undefined);
  }, [isNearEnd, store, key, rows.length]);

  const latest = useRef(offsets);
  useEffect(() => {
    latest.current = offsets;
  });
  useEffect(() => {
    if (!element.current) return undefined;
    zones.set(key, { key, element: element.current, list: list.current, offsets: () => latest.current });
    reveal.set(key, (index) => virtualizer.scrollToIndex(index));
    return () => {
      zones.delete(key);
      reveal.delete(key);
    };
  }, [zones, reveal, key, virtualizer]);

  const isOver = limit !== undefined && count > limit;
  return (
    <section
      ref={element}
      className={classes.column}
      aria-label={label}
      data-column={key}
      data-target={isTarget || undefined}
      data-refusing={(isRefusing && column.valueFor(null) === undefined) || undefined}
    >
      <header className={classes.columnHead}>
        <span className={classes.dot} data-color={column.color ?? 'gray'} aria-hidden />
        <h2 className={classes.columnName} title={label}>
          {label}
        </h2>
        <span className={classes.count} data-over={isOver || undefined}>
          {limit === undefined ? countText(count) : t('{count} of {limit}', { count: countText(count), limit })}
        </span>
        <span className={classes.columnActions}>
          {isCreatable ? (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('New {labelSingular} in {label}', {
                labelSingular: inSentence(object.labelSingular),
                label,
              })}
              onClick={() => setCreating(true)}
            >
              <IconPlus size={15} />
            </ActionIcon>
          ) : null}
          <Suspense
            fallback={
              <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t('About the column {label}', { label })}>
                <IconDots size={15} />
              </ActionIcon>
            }
          >
            <ColumnMenu
              column={column}
              limit={limit}
              onLimit={(next) => onLimit(key, next)}
              onCollapse={() => onCollapse(key)}
              onHide={() => onHide(key)}
            />
          </Suspense>
        </span>
        {sum === null ? null : <span className={classes.sum}>{sum}</span>}
        {isOver ? (
          <span className={classes.over}>{t('More than the {limit} that it should hold', { limit })}</span>
        ) : null}
      </header>
      {creating && isCreatable ? (
        <Suspense fallback={null}>
          <NewCard
            object={object}
            column={label}
            onCreate={(name) => onCreate(key, name)}
            onClose={() => setCreating(false)}
          />
        </Suspense>
      ) : null}
      <div ref={list} className={classes.list} tabIndex={rows.length === 0 ? undefined : -1}>
        <div
          role="list"
          aria-label={t('Cards of {label}', { label })}
          className={classes.cards}
          style={{ height: virtualizer.getTotalSize() }}
        >
          {virtualizer.getVirtualItems().map(({ index, start }) => {
            const row = rows[index];
            if (!row) return null;
            return (
              <div
                key={row.id}
                role="listitem"
                aria-posinset={index + 1}
                aria-setsize={count}
                className={classes.slot}
                style={{ top: start, height: (offsets[index + 1] ?? 0) - (offsets[index] ?? 0) - GAP }}
              >
                <BoardCard
                  model={model}
                  object={object}
                  store={store}
                  row={row}
                  fields={lines[index] ?? []}
                  isInHand={inHand === row.id}
                  columns={columns}
                  column={key}
                  actions={actions}
                />
              </div>
            );
          })}
          <Mark store={store} column={key} offsets={offsets} />
        </div>
        {count === 0 && !creating ? <p className={classes.nothing}>{t('Nothing here')}</p> : null}
      </div>
    </section>
  );
});
