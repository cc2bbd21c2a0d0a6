import type { DocumentNode, GraphQLError } from 'postgraphile/graphql';
import type { Identity } from '../auth/identity.ts';
import type { Endpoint } from '../gateway/handler.ts';
import { findDocument, run } from '../gateway/operation.ts';
import type { RequestSettings } from '../gateway/pgClient.ts';

interface Answer {
  readonly ids: ReadonlySet<string>;
  readonly errors: readonly GraphQLError[] | undefined;
  readonly document: DocumentNode;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly settings: RequestSettings;
}

/** Which of some records fulfil a filter of their list, for the caller. */
export async function matchingRecords(
  records: Endpoint,
  identity: Identity,
  plural: string,
  filter: object,
  ids: readonly string[],
): Promise<Answer> {
  const { instance, version } = await records.acquire(identity, 0);
  const field = instance.schema.getQueryType()!.getFields()[plural]!;
  const { type } = field.args.find(({ name }) => name === 'filter')!;
  const text = `query ($filter: ${type}, $first: Int) { list: ${plural}(filter: $filter, first: $first) { nodes { id } } }`;
  const settings = records.settings(identity, '');
  const served = { ...records, workspaceId: identity.workspaceId, instance, version, settings };
  const found = await findDocument(served, text);
  if (!('document' in found)) throw new Error(`The list of ${plural} cannot be asked: ${found[0]?.message}`);
  const variables = { filter: { and: [filter, { id: { in: ids } }] }, first: ids.length };
  const { outcome } = await run(served, { ...found, operationName: undefined, variables });
  const { list } = (JSON.parse(outcome.data ?? '{}') ?? {}) as { list?: { nodes: { id: string }[] } | null };
  return {
    ids: new Set(list?.nodes.map(({ id }) => id)),
    errors: outcome.errors,
    document: found.document,
    variables,
    settings,
  };
}

/** What a filter names, at any depth: fields among it. */
export function namesIn(filter: unknown, names = new Set<string>()): Set<string> {
  if (Array.isArray(filter)) for (const part of filter) namesIn(part, names);
  else if (typeof filter === 'object' && filter !== null) {
    for (const [name, value] of Object.entries(filter)) {
      names.add(name);
      namesIn(value, names);
    }
  }
  return names;
}
