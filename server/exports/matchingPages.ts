import type { Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import type { Endpoint } from '../gateway/handler.ts';
import { findDocument, run } from '../gateway/operation.ts';

const PAGE = 5_000;

export interface Wanted {
  /** As the list of the API takes them. */
  filter: object | null;
  orderBy: readonly string[];
}

/**
 * The ids of the records that a list shows, in its order, page after page: asked of the list itself, so that an export has
 * what the screen has, and what a filter means is known in one place.
 */
export async function* matchingPages(
  records: Endpoint,
  identity: Identity,
  plural: string,
  { filter, orderBy }: Wanted,
): AsyncGenerator<string[]> {
  const { instance, version } = await records.acquire(identity, 0);
  const field = instance.schema.getQueryType()!.getFields()[plural];
  if (!field) throw new RequestError('NOT_FOUND', { message: `There is no list "${plural}".` });
  const typeOf = (name: string) => String(field.args.find((arg) => arg.name === name)!.type);
  const settings = records.settings(identity, '');
  const served = { ...records, workspaceId: identity.workspaceId, instance, version, settings };
  const document = `query ($filter: ${typeOf('filter')}, $orderBy: ${typeOf('orderBy')}, $first: Int, $after: Cursor) {
    list: ${plural}(filter: $filter, orderBy: $orderBy, first: $first, after: $after) { nodes { id } pageInfo { endCursor hasNextPage } }
  }`;
  const found = await findDocument(served, document);
  if (!('document' in found)) throw new Error(`The list of ${plural} cannot be asked: ${found[0]?.message}`);
  let after: string | null = null;
  for (;;) {
    const variables = { first: PAGE, after, ...(filter && { filter }), ...(orderBy.length > 0 && { orderBy }) };
    const { outcome } = await run(served, { ...found, operationName: undefined, variables });
    const { list } = (JSON.parse(outcome.data ?? '{}') ?? {}) as {
      list?: { nodes: { id: string }[]; pageInfo: { endCursor: string | null; hasNextPage: boolean } } | null;
    };
    if (!list)
      throw new RequestError('INVALID_REQUEST', {
        message: 'This filter or order cannot be asked.',
        hint: outcome.errors?.[0]?.message ?? 'Take those that the list of the API takes.',
      });
    if (list.nodes.length > 0) yield list.nodes.map(({ id }) => id);
    if (!list.pageInfo.hasNextPage) return;
    after = list.pageInfo.endCursor;
  }
}
