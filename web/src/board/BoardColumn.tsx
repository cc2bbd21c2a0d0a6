import { countText } from '../model/formats.ts';
import { ActionIcon } from '@mantine/core';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { useDensityFactor } from '../app/density.ts';
import { settled } from '../app/settled.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import classes from './board.module.css';
import { BoardCard, type CardActions } from './BoardCard.tsx';
import type { BoardStore } from './boardStore.ts';
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
  onLimit: (limit: number | undefined) => void;
  onCollapse: () => void;
  onHide: () => void;
  /** Makes a card of this name here; null where none can be made. */
  onCreate: ((name: string) => Promise<boolean>) | null;
  inHand: string | null;
  actions: CardActions;
  zones: Map<string, DropZone>;
  /** Tells how to bring a card into sight. */
  reveal: Map<string, (index: number) => void>;
}

export function BoardColumn(props: BoardColumnProps) {
  const { model, object, store, column, columns, fields, sum, limit, onCreate, inHand, actions, zones, reveal } = props;
  const { key, label } = column;
  const cards = useStore(store, (state) => state.cards[key]);
  const held = useStore(store, (state) => state.held);
  const flashing = useStore(store, (state) => state.flashing);
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

  const isTarget = held?.to.column === key;
  const isMoved = held !== null && (held.to.column !== held.from.column || held.to.index !== held.from.index);
  const mark =
    isTarget && isMoved ? held.to.index + (held.from.column === key && held.to.index >= held.from.index ? 1 : 0) : null;
  const isOver = limit !== undefined && count > limit;
  return (
    <section
      ref={element}
      className={classes.column}
      aria-label={label}
      data-column={key}
      data-target={isTarget && isMoved ? true : undefined}
      data-refusing={
        isTarget && isMoved && held.from.column !== key && column.valueFor(null) === undefined ? true : undefined
      }
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
          {onCreate ? (
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
            <ColumnMenu {...props} />
          </Suspense>
        </span>
        {sum === null ? null : <span className={classes.sum}>{sum}</span>}
        {isOver ? (
          <span className={classes.over}>{t('More than the {limit} that it should hold', { limit })}</span>
        ) : null}
      </header>
      {creating && onCreate ? (
        <Suspense fallback={null}>
          <NewCard object={object} column={label} onCreate={onCreate} onClose={() => setCreating(false)} />
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
                  row={row}
                  fields={lines[index] ?? []}
                  isInHand={inHand === row.id}
                  isHeld={held?.id === row.id}
                  isFlashing={flashing.has(row.id)}
                  columns={columns}
                  column={key}
                  actions={actions}
                />
              </div>
            );
          })}
          {mark === null ? null : (
            <div
              className={classes.mark}
              style={{ top: (offsets[mark] ?? offsets.at(-1) ?? 0) - GAP / 2 - 1 }}
              role="presentation"
            />
          )}
        </div>
        {count === 0 && !creating ? <p className={classes.nothing}>{t('Nothing here')}</p> : null}
      </div>
    </section>
  );
}
