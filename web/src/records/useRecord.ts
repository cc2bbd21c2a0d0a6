import { useCallback, useEffect, useRef, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { oneDocument } from '../model/documents.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, type FieldValue } from '../model/values.ts';
import { saveField } from './changes.ts';
import { changedCells } from './mergeRows.ts';
import { useLiveObjects } from './useLiveObject.ts';

export type SaveState = { kind: 'saving' | 'saved' } | { kind: 'failed'; reason: string };

interface RecordState {
  row: RecordRow | null;
  status: 'loading' | 'ready' | 'missing' | 'failed';
  failure: Failure | null;
}

const SAVED_MS = 1800;
const FLASH_MS = 1600;

/** One record on screen: read, kept up to date, and saved field by field. */
export function useRecord(model: Model, object: ModelObject, id: string, fields: ModelField[]) {
  const [{ row, status, failure }, setState] = useState<RecordState>({ row: null, status: 'loading', failure: null });
  const [saves, setSaves] = useState<{ [field: string]: SaveState }>({});
  const [flashing, setFlashing] = useState<string[]>([]);
  const unsaved = useRef(new Map<string, { field: ModelField; value: FieldValue }>());
  const shown = useRef<RecordRow | null>(null);
  const fieldKey = fields.map((field) => field.id).join();

  const read = useCallback(async () => {
    try {
      const { record } = await request(oneDocument(model, object, fields), { id });
      if (!record) {
        setState({ row: null, status: 'missing', failure: null });
        return;
      }
      const fresh = [...unsaved.current.values()].reduce(
        (next, edit) => applyValue(model, edit.field, next, edit.value),
        record,
      );
      if (shown.current) {
        const changed = changedCells([shown.current], [fresh], fields).map((cell) => cell.field);
        if (changed.length > 0) {
          setFlashing(changed);
          setTimeout(() => setFlashing([]), FLASH_MS);
        }
      }
      shown.current = fresh;
      setState({ row: fresh, status: 'ready', failure: null });
    } catch (cause) {
      setState((state) => (state.row ? state : { row: null, status: 'failed', failure: toFailure(cause) }));
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- fieldKey stands for fields and model: the query is the same while it is.
  }, [object.id, object.nameSingular, id, fieldKey]);

  useEffect(() => void read(), [read]);
  useLiveObjects([object.id], (changes) => {
    if (changes.length === 0 || changes.some((change) => !change.ids || change.ids.includes(id))) void read();
  });

  const mark = (field: ModelField, state: SaveState) => setSaves((all) => ({ ...all, [field.id]: state }));

  const show = (change: (row: RecordRow) => RecordRow) => {
    if (!shown.current) return;
    const next = change(shown.current);
    shown.current = next;
    setState((state) => ({ ...state, row: next }));
  };

  const save = async (field: ModelField, value: FieldValue) => {
    const before = shown.current;
    if (!before) return;
    const edit = { field, value };
    unsaved.current.set(field.id, edit);
    show((current) => applyValue(model, field, current, value));
    mark(field, { kind: 'saving' });
    try {
      const saved = await saveField(model, object, id, field, value);
      show((current) => ({ ...current, ...saved }));
      mark(field, { kind: 'saved' });
      setTimeout(
        () =>
          setSaves((all) =>
            all[field.id]?.kind === 'saved'
              ? Object.fromEntries(Object.entries(all).filter(([key]) => key !== field.id))
              : all,
          ),
        SAVED_MS,
      );
    } catch (cause) {
      const { message, hint } = toFailure(cause);
      const names =
        field.relations.length > 0
          ? field.relations.flatMap((relation) => [relation.name, relation.columnName])
          : field.columns.map((column) => column.name);
      show((current) => ({ ...current, ...Object.fromEntries(names.map((name) => [name, before[name] ?? null])) }));
      mark(field, { kind: 'failed', reason: [message, hint].filter(Boolean).join(' ') });
    } finally {
      if (unsaved.current.get(field.id) === edit) unsaved.current.delete(field.id);
    }
  };

  return { row, status, failure, saves, flashing, save, read };
}
