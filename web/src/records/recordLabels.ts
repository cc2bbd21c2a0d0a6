import { request } from '../api/client.ts';
import { listDocument } from '../model/documents.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { t } from '../language/t.ts';

const DELETED = t('a deleted record');
const labels = new Map<string, string>();

export const knownLabel = (id: string): string | undefined => labels.get(id);

/** What a record was called that is not there any more, as far as the log tells. */
export function rememberLabel(id: string, label: string): void {
  if (label && (labels.get(id) ?? DELETED) === DELETED) labels.set(id, label);
}

/** Reads the labels of records that are known only by id, each once. */
export async function readLabels(model: Model, object: ModelObject, ids: string[]): Promise<void> {
  const missing = ids.filter((id) => (labels.get(id) ?? DELETED) === DELETED);
  if (missing.length === 0) return;
  const { list } = await request(listDocument(model, object, []), {
    first: missing.length,
    filter: { id: { in: missing } },
  });
  for (const row of list.nodes) labels.set(row.id, recordLabel(model, object, row) || t('Untitled'));
  for (const id of missing) if (!labels.has(id)) labels.set(id, DELETED);
}
