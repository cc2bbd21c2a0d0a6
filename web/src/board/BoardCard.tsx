import { ActionIcon } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { lazy, memo, Suspense, useState, type PointerEvent } from 'react';
import { useStore } from 'zustand';
import { Avatar } from '../fields/Avatar.tsx';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { pendingMark, usePendingRecord } from '../offline/pending.ts';
import classes from './board.module.css';
import type { BoardStore } from './boardStore.ts';
import { CardLines } from './cardLines.tsx';
import type { BoardColumn } from './columns.ts';
import { t } from '../language/t.ts';

const CardMenu = lazy(async () => ({ default: (await import('./CardMenu.tsx')).CardMenu }));

export interface CardActions {
  onPointerDown: (event: PointerEvent<HTMLElement>, id: string) => void;
  onFocus: (id: string) => void;
  /** To the top of another column; absent where nothing is moved. */
  onMoveTo: ((id: string, column: string) => void) | null;
  onDelete: ((id: string) => void) | null;
}

interface BoardCardProps {
  model: Model;
  object: ModelObject;
  store: BoardStore;
  row: RecordRow;
  fields: ModelField[];
  isInHand: boolean;
  columns: BoardColumn[];
  column: string;
  actions: CardActions;
}

/** Of hundreds of cards few menus are opened: only those are made. */
function MenuButton(props: Omit<BoardCardProps, 'fields'> & { label: string }) {
  const [opened, setOpened] = useState(false);
  const button = (
    <ActionIcon
      className={classes.cardMenu}
      variant="subtle"
      color="gray"
      size="sm"
      tabIndex={-1}
      aria-label={t('About {label}', { label: props.label })}
      aria-haspopup="menu"
      aria-expanded={opened}
      onClick={() => setOpened(!opened)}
    >
      <IconDots size={15} />
    </ActionIcon>
  );
  if (!opened) return button;
  return (
    <Suspense fallback={button}>
      <CardMenu {...props} button={button} onChange={setOpened} />
    </Suspense>
  );
}

export const BoardCard = memo(function BoardCard(props: BoardCardProps) {
  const { model, object, store, row, fields, isInHand, actions } = props;
  // Each card looks by itself, so that one that is taken up draws no column anew.
  const isHeld = useStore(store, ({ held }) => held?.id === row.id);
  const isFlashing = useStore(store, ({ flashing }) => flashing.has(row.id));
  const label = recordLabel(model, object, row) || t('Untitled');
  const isPending = usePendingRecord(row.id);
  return (
    <>
      <Link
        to="/objects/$namePlural/$id"
        params={{ namePlural: object.namePlural, id: row.id }}
        className={classes.card}
        draggable={false}
        tabIndex={isInHand ? 0 : -1}
        data-card={row.id}
        data-held={isHeld || undefined}
        data-flash={isFlashing || undefined}
        aria-describedby={actions.onMoveTo ? 'board-help' : undefined}
        onPointerDown={(event) => actions.onPointerDown(event, row.id)}
        onFocus={() => actions.onFocus(row.id)}
      >
        <span className={classes.cardName}>
          <Avatar label={label} seed={row.id} size={18} round={object.nameSingular === 'person'} />
          <span>{label}</span>
          {isPending ? pendingMark() : null}
        </span>
        <CardLines model={model} fields={fields} row={row} />
      </Link>
      {actions.onMoveTo || actions.onDelete ? <MenuButton {...props} label={label} /> : null}
    </>
  );
});
