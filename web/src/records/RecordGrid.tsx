import { Link } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import { useStore } from 'zustand';
import { toFailure, type Failure } from '../api/failure.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { CellEditor } from '../fields/CellEditor.tsx';
import { computedNote } from '../fields/computedNote.ts';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { Grid } from '../grid/Grid.tsx';
import type { GridStore } from '../grid/store.ts';
import type { GridActions, GridColumn } from '../grid/types.ts';
import { isSortable, type Sort } from '../model/sorting.ts';
import { copyText } from '../model/parse.ts';
import { rightsOf } from '../model/permissions.ts';
import { isEditable } from '../model/text.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, readValue, recordLabel, toPatch, type FieldValue } from '../model/values.ts';
import { valueType } from '../model/valueType.ts';
import { announce, offerToTakeBack } from './announce.tsx';
import { remember, undoStep, type Step } from '../undo/undo.ts';
import { createRecord } from './changes.ts';
import type { ColumnLayout } from './columnLayout.ts';
import { pastedEdits, writeData } from './paste.ts';
import { reasonOf } from './refusals.ts';
import classes from './records.module.css';
import { isUnread, refusalKey, type TableStore } from './tableStore.ts';

const DRAFT = 'draft';
const draftRow: RecordRow = { id: DRAFT };

interface RecordGridProps {
  model: Model;
  object: ModelObject;
  fields: ModelField[];
  layout: ColumnLayout;
  onLayout: (layout: ColumnLayout) => void;
  table: TableStore;
  grid: GridStore;
  sort: Sort | null;
  onSort: (sort: Sort | null) => void;
  drafting: boolean;
  onDrafted: (drafting: boolean) => void;
  /** The new row was refused: what was typed is asked for again, in a form. */
  onDraftRefused: (field: ModelField, value: FieldValue, failure: Failure) => void;
  onOpen: (id: string) => void;
  onDelete: (ids: string[]) => Promise<void>;
  onSeen: (first: number, last: number) => void;
  onColumns: (names: string[]) => void;
}

function LabelCell({ model, object, row }: { model: Model; object: ModelObject; row: RecordRow }) {
  const label = recordLabel(model, object, row);
  if (row.id === DRAFT)
    return <span className={classes.draft}>{label || `New ${object.labelSingular.toLowerCase()}`}</span>;
  return (
    <Link
      to="/objects/$namePlural/$id"
      params={{ namePlural: object.namePlural, id: row.id }}
      className={classes.labelLink}
      tabIndex={-1}
      data-direct
    >
      <Avatar label={label || '?'} seed={row.id} size={18} round={object.nameSingular === 'person'} />
      <span className={classes.labelText} data-untitled={label === '' || undefined}>
        {label || 'Untitled'}
      </span>
    </Link>
  );
}

function RefusedNote({ reason, onDrop }: { reason: string | null; onDrop?: () => void }) {
  return (
    <span className={classes.refused} role="alert">
      {reason}{' '}
      {onDrop ? (
        <button type="button" tabIndex={-1} onClick={onDrop}>
          Take back
        </button>
      ) : null}
    </span>
  );
}

const keyOf = (row: RecordRow): string => row.id;

export function RecordGrid(props: RecordGridProps) {
  const { model, object, fields, layout, table, grid, sort, drafting } = props;
  const { rows, status, hasMore, total } = useStore(table);
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
        };
      }),
    [model, object, fields, layout.widths],
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
      const failure = await table.save(row.id, [{ field, value }]);
      if (!failure) return;
      // Back to the cell, where the reason stands, unless the person is already in the middle of something else.
      const place = { row: row.id, column: field.name };
      if (!grid.getState().editing && table.getState().refusals.has(refusalKey(row.id, field))) grid.focus(place);
      else announce(`${field.label} not saved`, reasonOf(failure));
    },
    [table, grid],
  );

  const create = useCallback(
    async (field: ModelField, value: FieldValue) => {
      draftSaved.current = true;
      const { model: m, object: o } = latest.current;
      const f = table.getState().query?.fields ?? [];
      Object.assign(draftRow, applyValue(m, field, { id: DRAFT }, value));
      try {
        const row = await createRecord(m, o, f, toPatch(field, value));
        if (o.duplicateCriteria.length > 0)
          void import('../duplicates/tellDuplicates.tsx').then(({ tellDuplicates }) => tellDuplicates(o, row.id));
        table.insert(row);
        const { active } = grid.getState();
        if (active?.row === DRAFT || active === null) grid.focus({ row: row.id, column: active?.column ?? field.name });
      } catch (cause) {
        latest.current.onDraftRefused(field, value, toFailure(cause));
      } finally {
        for (const key of Object.keys(draftRow)) if (key !== 'id') delete draftRow[key];
        latest.current.onDrafted(false);
      }
    },
    [table, grid],
  );

  const byName = useMemo(() => new Map(fields.map((field) => [field.name, field])), [fields]);
  const actions = useMemo<GridActions<RecordRow>>(() => {
    const fieldOf = (column: GridColumn) => byName.get(column.id);
    /** Why the cell's edit was refused, or which other edit waits for this cell. */
    const refusedNote = (row: RecordRow, field: ModelField): string | null => {
      const { refusals } = table.getState();
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
        const refusal = table.getState().refusals.get(refusalKey(row.id, field));
        if (refusal)
          return (
            <>
              {refusal.text === null ? (
                <FieldDisplay field={field} value={refusal.value} />
              ) : (
                <span>{refusal.text}</span>
              )}
              <RefusedNote reason={note} onDrop={() => table.drop(row.id, field)} />
            </>
          );
        if (row.id !== DRAFT && isUnread(row, field)) return <span className={classes.unread} />;
        const cell =
          field.id === object.labelFieldId ? (
            <LabelCell model={model} object={object} row={row} />
          ) : (
            <FieldDisplay field={field} value={readValue(model, field, row)} />
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
          const refusal = table.getState().refusals.get(refusalKey(row.id, field));
          return (
            <CellEditor
              field={field}
              value={refusal ? refusal.value : readValue(model, field, row)}
              typed={typed ?? refusal?.text ?? null}
              problem={refusal?.reason}
              recordId={row.id}
              onSave={(value) => void save(row, field, value)}
              onUnread={(text, reason) =>
                table.refuse(row.id, { field, value: readValue(model, field, row), text, reason, needs: null })
              }
              onDrop={() => table.drop(row.id, field)}
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
        writeData(
          from.map((row) =>
            wanted.map((column) => {
              const field = fieldOf(column);
              return field ? { type: field.type, value: readValue(model, field, row) } : null;
            }),
          ),
        ),
      onPaste: async (row, column, lines, data) => {
        const { rows: all } = table.getState();
        const { fields: shown, object: pastedInto } = latest.current;
        if (!rightsOf(pastedInto).canUpdate) return;
        const from = all.findIndex((each) => each.id === row.id);
        const columnFrom = shown.findIndex((field) => field.name === column.id);
        if (from < 0 || columnFrom < 0) return;
        const targets = all.slice(from, from + lines.length);
        const pasted = await pastedEdits(model, targets, shown.slice(columnFrom), lines, data);
        const step: Step = { label: 'pasted cells', requestIds: [] };
        const outcomes = await Promise.all(pasted.edits.map(({ id, edits }) => table.save(id, edits, step)));
        remember(step);
        for (const { id, refusal } of pasted.refusals) table.refuse(id, refusal);
        const cells = pasted.edits.reduce((sum, { edits }, index) => sum + (outcomes[index] ? 0 : edits.length), 0);
        const refused =
          pasted.refusals.length +
          pasted.edits.reduce((sum, { edits }, index) => sum + (outcomes[index] ? edits.length : 0), 0);
        if (refused === 1 && cells === 0) grid.focus({ row: row.id, column: column.id });
        else if (refused > 0)
          announce(
            `${refused} ${refused === 1 ? 'cell was' : 'cells were'} not pasted`,
            'They are marked in red, each with its reason.',
          );
        if (pasted.skipped > 0)
          announce(
            'Not everything fits',
            `${pasted.skipped} pasted cells lie beyond the table or in columns that nobody edits.`,
          );
        if (cells > 1) offerToTakeBack(`${cells} cells pasted`, () => undoStep(step));
      },
      isRefused: (row, column) => {
        const field = fieldOf(column);
        return field !== undefined && refusedNote(row, field) !== null;
      },
      onClear: (row, column) => {
        const field = fieldOf(column);
        if (field && readValue(model, field, row) !== null) void save(row, field, null);
      },
      onToggle: (row, column) => {
        const field = fieldOf(column);
        if (field && !column.editable) return true;
        if (field?.type !== 'BOOLEAN') return false;
        void save(row, field, readValue(model, field, row) !== true);
        return true;
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
        latest.current.onLayout({ ...current, order: all });
      },
      onSeen: (first, last) => latest.current.onSeen(first, last),
      onColumns: (seen) => latest.current.onColumns(seen.map(({ id }) => id)),
    };
  }, [byName, model, object, table, grid, save, create]);

  const shown = useMemo(() => (drafting ? [draftRow, ...rows] : rows), [drafting, rows]);
  const loading = status === 'loading' && rows.length === 0;
  const pending = loading ? 24 : hasMore ? Math.min(2000, (total ?? rows.length + 30) - rows.length) : 0;
  return (
    <Grid
      label={object.labelPlural}
      columns={columns}
      rows={shown}
      keyOf={keyOf}
      pending={Math.max(0, pending)}
      total={total}
      sort={sort ? { column: sort.field, descending: sort.descending } : null}
      store={grid}
      actions={actions}
    />
  );
}
