import { announceFailure, offerToTakeBack, offerUndo } from '../records/announce.tsx';
import { deleteRecords, saveEdits } from '../records/changes.ts';
import type { Model, ModelField, RecordRow } from '../model/types.ts';
import { recordLabel, type FieldValue } from '../model/values.ts';
import { remembering, undoStep, type Step } from '../undo/undo.ts';
import type { TaskParts } from './taskParts.ts';
import { t } from '../language/t.ts';

async function change(
  model: Model,
  parts: TaskParts,
  row: RecordRow,
  field: ModelField,
  value: FieldValue,
  label: string,
): Promise<Step | null> {
  const step: Step = { label, requestIds: [] };
  try {
    await remembering(step, () => saveEdits(model, parts.object, row, [{ field, value }], step));
    return step;
  } catch (cause) {
    announceFailure(t('{labelSingular} not changed', { labelSingular: parts.object.labelSingular }), cause);
    return null;
  }
}

export async function setDone(model: Model, parts: TaskParts, row: RecordRow, isDone: boolean): Promise<void> {
  if (!parts.status) return;
  const name = recordLabel(model, parts.object, row) || t('Untitled');
  const open = parts.status.options?.find(({ value }) => value !== 'DONE')?.value ?? 'TODO';
  const step = await change(
    model,
    parts,
    row,
    parts.status,
    isDone ? 'DONE' : open,
    isDone ? t('“{name}” done', { name }) : t('“{name}” open again', { name }),
  );
  if (step && isDone) offerToTakeBack(t('“{name}” done', { name }), () => undoStep(step));
}

export async function setDue(model: Model, parts: TaskParts, row: RecordRow, due: string | null): Promise<void> {
  if (parts.due) await change(model, parts, row, parts.due, due, t('{label} of a task', { label: parts.due.label }));
}

export async function remove(parts: TaskParts, id: string, then: () => void): Promise<void> {
  try {
    offerUndo(parts.object, 1, await deleteRecords(parts.object, [id]), then);
  } catch (cause) {
    announceFailure(t('{labelSingular} not deleted', { labelSingular: parts.object.labelSingular }), cause);
  }
}
