import { IconLayoutSidebarRight } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { CellEditor } from '../fields/CellEditor.tsx';
import { computedNote } from '../fields/computedNote.ts';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { Grid } from '../grid/Grid.tsx';
import type { GridItems } from '../grid/items.ts';
import type { GridStore } from '../grid/store.ts';
import type { GridActions, GridColumn, Tones } from '../grid/types.ts';
import { settled } from '../app/settled.ts';
import { DRAFT } from './gridItems.ts';
import { FootCell } from './FootCell.tsx';
import type { FeetStore } from './feet.ts';
import { isSortable, type Sort } from '../model/sorting.ts';
import type { Bucket } from '../model/grouping.ts';
import { copyText } from '../model/parse.ts';
import { rightsOf } from '../model/permissions.ts';
import { isEditable } from '../model/text.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, readValue, recordLabel, toPatch, type FieldValue } from '../model/values.ts';
import { valueType } from '../model/valueType.ts';
import { announce, offerToTakeBack } from './announce.tsx';
import { isPending, pendingMark } from '../offline/pending.ts';
import { remembering, undoStep, type Step } from '../undo/undo.ts';
import { createRecord } from './changes.ts';
import type { ColumnLayout } from './columnLayout.ts';
import type { Copied } from './paste.ts';
import { reasonOf, type Edit } from './refusals.ts';
import classes from './records.module.css';
import type { Refusal } from './refusals.ts';
import { isUnread, refusalKey, type RecordEdits } from './tableStore.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const ColumnMenu = lazy(async () => {
  await settled;
  return { default: (await import('./ColumnMenu.tsx')).ColumnMenu };
});

const pasting = settled.then(() => import('./paste.ts'));

/** Where edits of the rows that show go to. */
export interface RowEdits {
  refusals: () => ReadonlyMap<string, Refusal>;
  /** The columns that are read with a record. */
  fields: () => ModelField[];
  save: (id: string, edits: Edit[]) => Promise<Failure | null>;
  saveMany: (changes: RecordEdits[], step: Step) => Promise<Set<string>>;
  refuse: (id: string, refusal: Refusal) => void;
  drop: (id: string, field: ModelField) => void;
  insert: (row: RecordRow) => void;
}

interface RecordGridProps {
  model: Model;
  object: ModelObject;
  fields: ModelField[];
  layout: ColumnLayout;
  onLayout: (layout: ColumnLayout) => void;
  items: GridItems<RecordRow>;
  total: number | null;
  edits: RowEdits;
  grid: GridStore;
  feet: FeetStore;
  /** What marks rows and cells. */
  tonesOf: (row: RecordRow) => Tones | null;
  /** The row that is being made. */
  draftRow: RecordRow;
  sort: Sort | null;
  onSort: (sort: Sort | null) => void;
  drafting: boolean;
  onDrafted: (drafting: boolean) => void;
  /** The new row was refused: what was typed is asked for again, in a form. */
  onDraftRefused: (field: ModelField, value: FieldValue, failure: Failure) => void;
  onOpen: (id: string) => void;
  onPeek: (id: string) => void;
  onFilter: (field: ModelField) => void;
  onColors: (field: ModelField) => void;
  /** Something else than the table that Escape ends first. */
  onEscape: (() => void) | null;
  /** What is grouped by, and how: absent where it cannot be. */
  grouping?: {
    field: string | null;
    canGroup: (field: ModelField) => boolean;
    onGroup: (field: ModelField | null, bucket?: Bucket) => void;
  };
  renderGroup?: (key: string, column: GridColumn, isFirst: boolean) => ReactNode;
  onToggleGroup?: (key: string) => void;
  /** What a new record has from where it is made. */
  startValues?: { [name: string]: ColumnValue };
  onDelete: (ids: string[]) => Promise<void>;
  onSeen: (first: number, last: number) => void;
  onColumns: (names: string[]) => void;
}

interface LabelCellProps {
  model: Model;
  object: ModelObject;
  row: RecordRow;
  onPeek: (id: string) => void;
}

function LabelCell({ model, object, row, onPeek }: LabelCellProps) {
  const label = recordLabel(model, object, row);
  if (row.id === DRAFT)
    return (
      <span className={classes.draft}>
        {label || t('New {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
      </span>
    );
  return (
    <>
      <Link
        to="/objects/$namePlural/$id"
        params={{ namePlural: object.namePlural, id: row.id }}
        className={classes.labelLink}
        tabIndex={-1}
        data-direct
      >
        <Avatar label={label || '?'} seed={row.id} size={18} round={object.nameSingular === 'person'} />
        <span className={classes.labelText} data-untitled={label === '' || undefined}>
          {label || t('Untitled')}
        </span>
      </Link>
      <button
        type="button"
        tabIndex={-1}
        className={classes.peekButton}
        aria-label={t('Peek at {label}', { label: label || t('this record') })}
        title={t('Peek (Space)')}
        onClick={() => onPeek(row.id)}
      >
        <IconLayoutSidebarRight size={14} stroke={1.75} aria-hidden />
      </button>
    </>
  );
}

function RefusedNote({ reason, onDrop }: { reason: string | null; onDrop?: () => void }) {
  return (
    <span className={classes.refused} role="alert">
      {reason}{' '}
      {onDrop ? (
        <button type="button" tabIndex={-1} onClick={onDrop}>
          {t('Take back')}
        </button>
      ) : null}
    </span>
  );
}

export function RecordGrid(props: RecordGridProps) {
  const { model, object, fields, layout, items, total, grid, feet, sort, drafting } = props;
  const [menu, setMenu] = useState<{ field: ModelField; at: { x: number; y: number }; of: 'column' | 'foot' } | null>(
    null,
  );
  const { aggregates } = layout;
  const draftSaved = useRef(false);
  // The actions are one stable object, so that rows are drawn anew only when their own data changes.
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  const columns = useMemo<GridColumn[]>(
    () =>
      fields.map((field) => {
        const info = FIELD_TYPES[field.type];
        const shownAs = FIELD_TYPES[valueType(field)];
        const isLabel = field.id === object.labelFieldId;
        return {
          id: field.name,
          title: field.label,
          hint: [field.description, computedNote(model, field)].filter(Boolean).join('\n') || undefined,
          icon: <info.icon size={14} stroke={1.75} aria-hidden />,
          width: layout.widths[field.name] ?? (isLabel ? 240 : Math.max(info.width, shownAs.width)),
          align: shownAs.align,
          sortable: isSortable(field),
          editable: rightsOf(object).canUpdate && isEditable(field),
          isPinned: isLabel || layout.pinned.includes(field.name),
        };
      }),
    [model, object, fields, layout.widths, layout.pinned],
  );

  useEffect(() => {
    if (!drafting) return;
    const label = object.fields.find((field) => field.id === object.labelFieldId);
    if (!label) return;
    draftSaved.current = false;
    grid.focus({ row: DRAFT, column: label.name });
    grid.edit(null);
  }, [drafting, grid, object]);

  const save = useCallback(
    async (row: RecordRow, field: ModelField, value: FieldValue) => {
      const { edits } = latest.current;
      const failure = await edits.save(row.id, [{ field, value }]);
      if (!failure) return;
      // Back to the cell, where the reason stands, unless the person is already in the middle of something else.
      const place = { row: row.id, column: field.name };
      if (!grid.getState().editing && edits.refusals().has(refusalKey(row.id, field))) grid.focus(place);
      else announce(t('{label} not saved', { label: field.label }), reasonOf(failure));
    },
    [grid],
  );

  const create = useCallback(
    async (field: ModelField, value: FieldValue) => {
      draftSaved.current = true;
      const { model: m, object: o, edits, draftRow: draft, startValues } = latest.current;
      Object.assign(draft, applyValue(m, field, { id: DRAFT }, value));
      try {
        const row = await createRecord(m, o, edits.fields(), { ...startValues, ...toPatch(field, value) });
        if (o.duplicateCriteria.length > 0)
          // Nobody knows of duplicates while the server is away.
          void import('../duplicates/tellDuplicates.tsx').then(
            ({ tellDuplicates }) => tellDuplicates(o, row.id),
            () => undefined,
          );
        edits.insert(row);
        const { active } = grid.getState();
        if (active?.row === DRAFT || active === null) grid.focus({ row: row.id, column: active?.column ?? field.name });
      } catch (cause) {
        latest.current.onDraftRefused(field, value, toFailure(cause));
      } finally {
        for (const key of Object.keys(draft)) if (key !== 'id') delete draft[key];
        latest.current.onDrafted(false);
      }
    },
    [grid],
  );

  /** Changes many cells by one request that one undoes at once; gives how many were refused. */
  const change = useCallback(async (changes: RecordEdits[], label: string, done: string): Promise<number> => {
    const step: Step = { label, requestIds: [] };
    const failed = await remembering(step, () => latest.current.edits.saveMany(changes, step));
    const count = changes.reduce((sum, { edits }) => sum + edits.length, 0);
    const refused = changes.reduce((sum, { id, edits }) => sum + (failed.has(id) ? edits.length : 0), 0);
    if (count - refused > 1) offerToTakeBack(done, () => undoStep(step));
    return refused;
  }, []);

  const byName = useMemo(() => new Map(fields.map((field) => [field.name, field])), [fields]);
  const actions = useMemo<GridActions<RecordRow>>(() => {
    const fieldOf = (column: GridColumn) => byName.get(column.id);
    /** Why the cell's edit was refused, or which other edit waits for this cell. */
    const refusedNote = (row: RecordRow, field: ModelField): string | null => {
      const refusals = latest.current.edits.refusals();
      if (refusals.size === 0) return null;
      const own = refusals.get(refusalKey(row.id, field));
      if (own) return own.reason;
      for (const [key, refusal] of refusals)
        if (refusal.needs?.id === field.id && key.startsWith(`${row.id} `)) return refusal.reason;
      return null;
    };
    return {
      renderCell: (row, column) => {
        const field = fieldOf(column);
        if (!field) return null;
        const note = refusedNote(row, field);
        const refusal = latest.current.edits.refusals().get(refusalKey(row.id, field));
        if (refusal)
          return (
            <>
              {refusal.text === null ? (
                <FieldDisplay field={field} value={refusal.value} />
              ) : (
                <span>{refusal.text}</span>
              )}
              <RefusedNote reason={note} onDrop={() => latest.current.edits.drop(row.id, field)} />
            </>
          );
        if (row.id !== DRAFT && isUnread(row, field)) return <span className={classes.unread} />;
        const cell =
          field.id === object.labelFieldId ? (
            <LabelCell model={model} object={object} row={row} onPeek={(id) => latest.current.onPeek(id)} />
          ) : (
            <FieldDisplay field={field} value={readValue(model, field, row)} />
          );
        if (isPending(row.id, field.id))
          return (
            <>
              {readValue(model, field, row) === null ? <span /> : cell}
              {pendingMark()}
            </>
          );
        return note ? (
          <>
            {readValue(model, field, row) === null ? <span /> : cell}
            <RefusedNote reason={note} />
          </>
        ) : (
          cell
        );
      },
      renderEditor: ({ row, column, typed, done }) => {
        const field = fieldOf(column);
        if (!field || !column.editable) return null;
        if (row.id !== DRAFT) {
          const refusal = latest.current.edits.refusals().get(refusalKey(row.id, field));
          return (
            <CellEditor
              field={field}
              value={refusal ? refusal.value : readValue(model, field, row)}
              typed={typed ?? refusal?.text ?? null}
              problem={refusal?.reason}
              recordId={row.id}
              onSave={(value) => void save(row, field, value)}
              onUnread={(text, reason) =>
                latest.current.edits.refuse(row.id, {
                  field,
                  value: readValue(model, field, row),
                  text,
                  reason,
                  needs: null,
                })
              }
              onDrop={() => latest.current.edits.drop(row.id, field)}
              done={done}
            />
          );
        }
        return (
          <CellEditor
            field={field}
            value={null}
            typed={null}
            onSave={(value) => void create(field, value)}
            done={(move) => {
              // Down from a new row would lead away from it; it stays in hand instead.
              done(move === 'down' || move === 'up' ? 'stay' : move);
              if (!draftSaved.current) latest.current.onDrafted(false);
            }}
          />
        );
      },
      textOf: (row, column) => {
        const field = fieldOf(column);
        return field ? copyText(field, readValue(model, field, row)) : '';
      },
      dataOf: (from, wanted) =>
        JSON.stringify(
          from.map((row) =>
            wanted.map((column) => {
              const field = fieldOf(column);
              return field ? { type: field.type, value: readValue(model, field, row) } : null;
            }),
          ) satisfies Copied,
        ),
      onPaste: async (targets, wanted, lines, data) => {
        if (!rightsOf(object).canUpdate) return;
        const into = wanted.flatMap((column) => fieldOf(column) ?? []);
        const { pastedEdits } = await pasting;
        const pasted = await pastedEdits(model, targets, into, lines, data);
        const asked = pasted.edits.reduce((sum, { edits }) => sum + edits.length, 0);
        const refused = await change(pasted.edits, t('pasted cells'), t('{asked} cells pasted', { asked }));
        const { edits } = latest.current;
        for (const { id, refusal } of pasted.refusals) edits.refuse(id, refusal);
        const wrong = refused + pasted.refusals.length;
        const [first] = targets;
        const [column] = wanted;
        if (wrong === 1 && asked <= 1 && first && column) grid.focus({ row: first.id, column: column.id });
        else if (wrong > 0)
          announce(
            t('{wrong, plural, one {# cell was not pasted} other {# cells were not pasted}}', { wrong }),
            t('They are marked in red, each with its reason.'),
          );
        if (pasted.skipped > 0)
          announce(
            t('Not everything fits'),
            t('{skipped} pasted cells lie beyond the table or in columns that nobody edits.', {
              skipped: pasted.skipped,
            }),
          );
      },
      onFill: async (from, to, wanted) => {
        if (!rightsOf(object).canUpdate) return;
        const into = wanted.flatMap((column) => (column.editable ? (fieldOf(column) ?? []) : []));
        const changes = to.map((row, index) => ({
          id: row.id,
          edits: into.map((field) => ({
            field,
            value: readValue(model, field, from[index % from.length] ?? row),
          })),
        }));
        const count = changes.reduce((sum, { edits }) => sum + edits.length, 0);
        if (count === 0) return;
        const refused = await change(changes, t('filled cells'), t('{count} cells filled', { count }));
        if (refused > 1)
          announce(
            t('{refused} cells were not filled', { refused }),
            t('They are marked in red, each with its reason.'),
          );
      },
      isRefused: (row, column) => {
        const field = fieldOf(column);
        return field !== undefined && refusedNote(row, field) !== null;
      },
      onClear: (cleared, wanted) => {
        const [row] = cleared;
        const into = wanted.flatMap((column) => (column.editable ? (fieldOf(column) ?? []) : []));
        const [field] = into;
        if (cleared.length === 1 && into.length === 1 && row && field) {
          if (readValue(model, field, row) !== null) void save(row, field, null);
          return;
        }
        const changes = cleared.flatMap((each) => {
          const edits = into.flatMap((one) =>
            readValue(model, one, each) === null ? [] : [{ field: one, value: null }],
          );
          return edits.length > 0 ? [{ id: each.id, edits }] : [];
        });
        const count = changes.reduce((sum, { edits }) => sum + edits.length, 0);
        if (count > 0) void change(changes, t('emptied cells'), t('{count} cells emptied', { count }));
      },
      onToggle: (row, column) => {
        const field = fieldOf(column);
        if (field && !column.editable) return true;
        if (field?.type !== 'BOOLEAN') return false;
        void save(row, field, readValue(model, field, row) !== true);
        return true;
      },
      renderGroup: (key, column, isFirst) => latest.current.renderGroup?.(key, column, isFirst) ?? null,
      renderFoot: (column) => {
        const field = fieldOf(column);
        return field ? (
          <FootCell
            field={field}
            feet={feet}
            name={aggregates[field.name]}
            onOpen={(at) => setMenu({ field, at, of: 'foot' })}
          />
        ) : null;
      },
      tonesOf: props.tonesOf,
      onEscape: () => {
        const { onEscape } = latest.current;
        onEscape?.();
        return onEscape !== null;
      },
      onMenu: (column, at) => {
        const field = fieldOf(column);
        if (field) setMenu({ field, at, of: 'column' });
      },
      onToggleGroup: (key) => latest.current.onToggleGroup?.(key),
      onPeek: (row) => {
        if (row.id !== DRAFT) latest.current.onPeek(row.id);
      },
      onOpen: (row) => latest.current.onOpen(row.id),
      onDelete: (keys) => void latest.current.onDelete(keys),
      onSort: (column) => {
        const { sort: current } = latest.current;
        if (current?.field !== column.id) latest.current.onSort({ field: column.id, descending: false });
        else latest.current.onSort(current.descending ? null : { field: column.id, descending: true });
      },
      onResize: (column, width) => {
        const { layout: current } = latest.current;
        latest.current.onLayout({ ...current, widths: { ...current.widths, [column.id]: width } });
      },
      onReorder: (from, before) => {
        const { layout: current, fields: shown, object: o } = latest.current;
        const all = [...new Set([...shown.map((field) => field.name), ...o.fields.map((field) => field.name)])].filter(
          (name) => name !== from,
        );
        const at = before === null ? shown.length - 1 : all.indexOf(before);
        all.splice(at < 0 ? all.length : at, 0, from);
        // A column that is put among the pinned ones is pinned, and the other way round.
        const isPinned = before !== null && current.pinned.includes(before);
        const pinned = [...current.pinned.filter((name) => name !== from), ...(isPinned ? [from] : [])];
        latest.current.onLayout({ ...current, order: all, pinned });
      },
      onSeen: (first, last) => latest.current.onSeen(first, last),
      onColumns: (seen) => latest.current.onColumns(seen.map(({ id }) => id)),
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- of the props only colours and sums are drawn with the rows
  }, [byName, model, object, grid, feet, save, create, change, props.tonesOf, aggregates]);
  const sorted = useMemo(() => (sort ? { column: sort.field, descending: sort.descending } : null), [sort]);

  return (
    <>
      <Grid
        label={object.labelPlural}
        columns={columns}
        items={items}
        total={total}
        sort={sorted}
        hasFoot
        store={grid}
        actions={actions}
      />
      <Suspense fallback={null}>
        {menu ? (
          <ColumnMenu
            {...menu}
            object={object}
            layout={layout}
            sort={sort}
            onSort={props.onSort}
            onLayout={props.onLayout}
            onFilter={props.onFilter}
            onColors={props.onColors}
            grouping={props.grouping}
            onMove={(before) => actions.onReorder(menu.field.name, before)}
            onClose={() => {
              setMenu(null);
              document.querySelector<HTMLElement>('[role="grid"]')?.focus({ preventScroll: true });
            }}
          />
        ) : null}
      </Suspense>
    </>
  );
}
