import { request } from '../api/client.ts';
import { listDocument } from '../model/documents.ts';
import type { ColumnValue, Model, ModelObject } from '../model/types.ts';

/** As many as one page of the API holds. */
const PAGE = 5000;

/** The ids of all records that match, in their order, page by page; null where it was not wanted to the end. */
export async function idsOfAll(
  model: Model,
  object: ModelObject,
  filter: { [key: string]: ColumnValue } | null,
  orderBy: string[],
  onProgress: (read: number) => boolean,
): Promise<string[] | null> {
  const page = async (after: string | null) =>
    (
      await request(listDocument(model, object, []), {
        first: PAGE,
        after,
        ...(filter ? { filter } : {}),
        orderBy,
      })
    ).list;
  const ids: string[] = [];
  let after: string | null = null;
  while (onProgress(ids.length)) {
    const { nodes, pageInfo }: Awaited<ReturnType<typeof page>> = await page(after);
    ids.push(...nodes.map(({ id }) => id));
    if (!pageInfo.hasNextPage) return ids;
    after = pageInfo.endCursor;
  }
  return null;
}
