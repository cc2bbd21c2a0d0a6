import { useCallback, useEffect, useRef, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { oneDocument } from '../model/documents.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, readValue, type FieldValue } from '../model/values.ts';
import { rowKeys } from '../model/valueType.ts';
import { isPending, onShown, usePending, withPending } from '../offline/pending.ts';
import { saveEdits } from './changes.ts';
import { dependencies } from './dependencies.ts';
import { changedCells } from './mergeRows.ts';
import { refusalsOf, type Edit, type Refusal } from './refusals.ts';
import type { RecordChange } from '../api/live.ts';
import { isShownAlready } from './isShownAlready.ts';
import { forgetRecord, noteRecord, seenRecord } from './seenRecords.ts';
import { useLiveObjects } from './useLiveObject.ts';

/** Pending: it waits for the server. */
export type SaveState = { kind: 'saving' | 'saved' | 'pending' } | { kind: 'refused'; refusal: Refusal };

/** Fields that another one's edit waits for, by their ids, each with the reason. */
export const demandsOf = (saves: { [field: string]: SaveState }): Map<string, string> =>
  new Map(
    Object.values(saves).flatMap((state) =>
      state.kind === 'refused' && state.refusal.needs ? [[state.refusal.needs.id, state.refusal.reason]] : [],
    ),
  );

interface RecordState {
  row: RecordRow | null;
  status: 'loading' | 'ready' | 'missing' | 'failed';
  failure: Failure | null;
}

const SAVED_MS = 1800;
const FLASH_MS = 1600;

/** One record on screen: read, kept up to date, and saved field by field. */
export function useRecord(model: Model, object: ModelObject, id: string, fields: ModelField[]) {
  const [{ row, status, failure }, setState] = useState<RecordState>(() => {
    const known = seenRecord(model, object, id, fields);
    return { row: known, status: known ? 'ready' : 'loading', failure: null };
  });
  const [saves, setSaves] = useState<{ [field: string]: SaveState }>({});
  const [flashing, setFlashing] = useState<string[]>([]);
  const unsaved = useRef(new Map<string, Edit>());
  const shown = useRef<RecordRow | null>(row);
  const fieldKey = fields.map((field) => field.id).join();

  const read = useCallback(async () => {
    try {
      const { record } = await request(oneDocument(model, object, fields), { id });
      if (!record) {
        forgetRecord(model, object, id, fields);
        setState({ row: null, status: 'missing', failure: null });
        return;
      }
      const fresh = [...unsaved.current.values()].reduce(
        (next, edit) => applyValue(model, edit.field, next, edit.value),
        withPending(model, object, [record])[0] ?? record,
      );
      if (shown.current) {
        const changed = changedCells([shown.current], [fresh], fields).map((cell) => cell.field);
        if (changed.length > 0) {
          setFlashing(changed);
          setTimeout(() => setFlashing([]), FLASH_MS);
        }
      }
      noteRecord(model, object, record, fields);
      // What further columns were read before stays until they are read again.
      const merged = { ...shown.current, ...fresh };
      shown.current = merged;
      setState({ row: merged, status: 'ready', failure: null });
    } catch (cause) {
      setState((state) => (state.row ? state : { row: null, status: 'failed', failure: toFailure(cause) }));
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- fieldKey stands for fields and model: the query is the same while it is.
  }, [object.id, object.nameSingular, id, fieldKey]);

  useEffect(() => void read(), [read]);
  // What waited was sent, or given up: the page follows without asking.
  useEffect(
    () =>
      onShown((change) => {
        if (change.recordId !== id || !shown.current) return;
        if (change.row === null) {
          shown.current = null;
          setState({ row: null, status: 'missing', failure: null });
          return;
        }
        const next = { ...shown.current, ...change.row };
        shown.current = next;
        setState((state) => ({ ...state, row: next }));
      }),
    [id],
  );
  const pending = usePending(({ changes }) => changes);
  useLiveObjects([object.id, ...dependencies(model, object, fields)], (changes) => {
    const concerns = (change: RecordChange) =>
      change.object !== object.nameSingular || change.recordId === null || change.recordId === id;
    const ours = changes.filter(concerns);
    if (changes.length === 0 || (ours.length > 0 && !isShownAlready(ours, object, fields, []))) void read();
  });

  const mark = (field: ModelField, state: SaveState) => setSaves((all) => ({ ...all, [field.id]: state }));

  const show = (change: (row: RecordRow) => RecordRow) => {
    if (!shown.current) return;
    const next = change(shown.current);
    shown.current = next;
    setState((state) => ({ ...state, row: next }));
  };

  const clear = (field: ModelField, kind: SaveState['kind']) =>
    setSaves((all) =>
      all[field.id]?.kind === kind ? Object.fromEntries(Object.entries(all).filter(([key]) => key !== field.id)) : all,
    );

  const save = async (field: ModelField, value: FieldValue) => {
    const before = shown.current;
    if (!before) return;
    // What was refused for want of this field is tried again with it.
    const waiting = Object.values(saves).flatMap((state) =>
      state.kind === 'refused' && state.refusal.needs?.id === field.id ? state.refusal : [],
    );
    const edits: Edit[] = [
      ...waiting.map((refusal) => ({ field: refusal.field, value: refusal.value })),
      { field, value },
    ];
    for (const edit of edits) {
      unsaved.current.set(edit.field.id, edit);
      mark(edit.field, { kind: 'saving' });
    }
    show((current) => edits.reduce((next, edit) => applyValue(model, edit.field, next, edit.value), current));
    try {
      const saved = await saveEdits(model, object, before, edits);
      if (edits.every((edit) => unsaved.current.get(edit.field.id) === edit))
        show((current) => ({ ...current, ...saved }));
      for (const edit of edits) {
        if (isPending(id, edit.field.id)) {
          clear(edit.field, 'saving');
          continue;
        }
        mark(edit.field, { kind: 'saved' });
        setTimeout(() => clear(edit.field, 'saved'), SAVED_MS);
      }
    } catch (cause) {
      for (const refusal of refusalsOf(object, edits, toFailure(cause))) {
        const names = rowKeys(refusal.field);
        show((current) => ({ ...current, ...Object.fromEntries(names.map((name) => [name, before[name] ?? null])) }));
        mark(refusal.field, { kind: 'refused', refusal });
      }
    } finally {
      for (const edit of edits) if (unsaved.current.get(edit.field.id) === edit) unsaved.current.delete(edit.field.id);
    }
  };

  const refuse = (field: ModelField, text: string, reason: string) => {
    const value = shown.current ? readValue(model, field, shown.current) : null;
    mark(field, { kind: 'refused', refusal: { field, value, text, reason, needs: null } });
  };
  const drop = (field: ModelField) => clear(field, 'refused');
  /** Tries once more what was not saved, as it stands. */
  const again = (field: ModelField) => {
    const state = saves[field.id];
    if (state?.kind === 'refused' && state.refusal.text === null) void save(field, state.refusal.value);
  };

  const waiting = pending.length === 0 ? [] : fields.filter((field) => isPending(id, field.id));
  const states =
    waiting.length === 0
      ? saves
      : { ...Object.fromEntries(waiting.map((field) => [field.id, { kind: 'pending' } as const])), ...saves };

  return { row, status, failure, saves: states, flashing, save, again, refuse, drop, read };
}

/** Reads a record that is likely to be opened next, so that it is there at once. */
export async function readAhead(model: Model, object: ModelObject, id: string, fields: ModelField[]): Promise<void> {
  if (seenRecord(model, object, id, fields)) return;
  const { record } = await request(oneDocument(model, object, fields), { id });
  if (record) noteRecord(model, object, record, fields);
}
