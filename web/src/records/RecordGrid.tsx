import { Link } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import { useStore } from 'zustand';
import { Avatar } from '../fields/Avatar.tsx';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { FieldEditor } from '../fields/FieldEditor.tsx';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { Grid } from '../grid/Grid.tsx';
import type { GridStore } from '../grid/store.ts';
import type { GridActions, GridColumn } from '../grid/types.ts';
import { isSortable, type Sort } from '../model/sorting.ts';
import { formatValue, isEditable, parseValue } from '../model/text.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, readValue, recordLabel, toPatch, type FieldValue } from '../model/values.ts';
import { announceFailure } from './announce.tsx';
import { createRecord } from './changes.ts';
import type { ColumnLayout } from './columnLayout.ts';
import classes from './records.module.css';
import type { TableStore } from './tableStore.ts';

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
  onOpen: (id: string) => void;
  onDelete: (ids: string[]) => Promise<void>;
  onSeen: (first: number, last: number) => void;
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
        const isLabel = field.id === object.labelFieldId;
        return {
          id: field.name,
          title: field.label,
          icon: <info.icon size={14} stroke={1.75} aria-hidden />,
          width: layout.widths[field.name] ?? (isLabel ? 240 : info.width),
          align: info.align,
          sortable: isSortable(field),
          editable: isEditable(field),
        };
      }),
    [fields, layout.widths, object.labelFieldId],
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
    (row: RecordRow, field: ModelField, value: FieldValue) => {
      table.save(row.id, field, value).catch((cause: unknown) => announceFailure(`${field.label} not saved`, cause));
    },
    [table],
  );

  const create = useCallback(
    async (field: ModelField, value: FieldValue) => {
      draftSaved.current = true;
      const { model: m, object: o, fields: f } = latest.current;
      Object.assign(draftRow, applyValue(m, field, { id: DRAFT }, value));
      try {
        const row = await createRecord(m, o, f, toPatch(field, value));
        table.insert(row);
        const { active } = grid.getState();
        if (active?.row === DRAFT || active === null) grid.focus({ row: row.id, column: active?.column ?? field.name });
      } catch (cause) {
        announceFailure(`${o.labelSingular} not created`, cause);
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
    return {
      renderCell: (row, column) => {
        const field = fieldOf(column);
        if (!field) return null;
        if (field.id === object.labelFieldId) return <LabelCell model={model} object={object} row={row} />;
        return <FieldDisplay field={field} value={readValue(model, field, row)} />;
      },
      renderEditor: ({ row, column, typed, done }) => {
        const field = fieldOf(column);
        if (!field || !column.editable) return null;
        if (row.id !== DRAFT)
          return (
            <FieldEditor
              field={field}
              value={readValue(model, field, row)}
              typed={typed}
              onSave={(value) => save(row, field, value)}
              done={done}
            />
          );
        return (
          <FieldEditor
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
        return field ? formatValue(field, readValue(model, field, row)) : '';
      },
      onPaste: (row, column, text) => {
        const field = fieldOf(column);
        if (!field) return;
        if (field.relations.length > 0) {
          grid.edit(text);
          return;
        }
        const parsed = parseValue(field, text, readValue(model, field, row));
        if ('reason' in parsed) announceFailure('Not pasted', new Error(parsed.reason));
        else save(row, field, parsed.value);
      },
      onClear: (row, column) => {
        const field = fieldOf(column);
        if (field && readValue(model, field, row) !== null) save(row, field, null);
      },
      onToggle: (row, column) => {
        const field = fieldOf(column);
        if (field && !column.editable) return true;
        if (field?.type !== 'BOOLEAN') return false;
        save(row, field, readValue(model, field, row) !== true);
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
    };
  }, [byName, model, object, grid, save, create]);

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
