import type { Client } from 'pg';
import { identitySettings, type Identity } from '../../db/pool.ts';
import type { StoredFilter } from '../../db/records/filter/filterSql.ts';
import type { StoredSort } from '../../db/records/filter/orderSql.ts';
import { findObject, loadModel } from '../../db/records/model.ts';
import { RecordsError } from '../../db/records/recordsError.ts';

export interface ExportSettings {
  objectName: string;
  viewId: string | null;
  filter: StoredFilter | null;
  sorts: StoredSort[];
  fieldIds: string[] | null;
}

/**
 * Which records and columns an export has at this moment: those of the view that it follows, as its owner sees it, or those
 * that were kept with it. A view that is gone or is not shown to the owner any more is no reason to export everything.
 */
export async function settleExport(
  client: Client,
  identity: Omit<Identity, 'source'>,
  { objectName, viewId, filter, sorts, fieldIds }: ExportSettings,
): Promise<{ fields: string[] | null; view: { filter: StoredFilter | null; sorts: StoredSort[] } }> {
  await client.query('begin read only');
  try {
    for (const [setting, value] of Object.entries(identitySettings({ ...identity, source: 'API' })))
      await client.query('select set_config($1, $2, true)', [setting, value]);
    const { rows } = await client.query<{ filter: StoredFilter | null; sorts: StoredSort[]; columns: string[] | null }>(
      `select v.filter, v.sorts, (select array_agg(c.field_id order by c.position) from metadata.view_fields c where c.view_id = v.id and c.is_visible) as columns
       from metadata.views v where v.id = $1`,
      [viewId],
    );
    const [view] = rows;
    if (viewId !== null && !view)
      throw new RecordsError(
        'EXPORT_VIEW_GONE',
        'The view that this export follows was deleted, or is not shared with its owner any more.',
        'Choose another view.',
      );
    const { fields } = findObject(await loadModel(client), objectName);
    const chosen = fieldIds ?? view?.columns ?? null;
    const names =
      chosen && chosen.flatMap((id) => fields.find((field) => field.id === id && field.isActive)?.name ?? []);
    if (names?.length === 0)
      throw new RecordsError(
        'FIELD_UNKNOWN',
        'None of the columns of this export is there any more.',
        'Choose others.',
      );
    return {
      fields: names,
      view: view ? { filter: view.filter, sorts: view.sorts } : { filter, sorts },
    };
  } finally {
    await client.query('rollback');
  }
}
