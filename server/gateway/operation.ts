import type { DocumentNode, GraphQLError } from 'postgraphile/graphql';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { execute } from './execute.ts';
import type { Operation, Outcome } from './execute.ts';
import type { Instance } from './instance.ts';
import type { MatchingIds } from './matchingIds.ts';
import type { RequestSettings } from './pgClient.ts';
import { presentVariables } from './presentDocument.ts';
import type { Deprecation } from './presentDocument.ts';
import type { RenamedDocuments } from './renamedDocuments.ts';

/** The schema that serves a request, and for whom. */
export interface Served {
  readonly workspaceId: string;
  readonly instance: Instance;
  readonly version: number;
  readonly settings: RequestSettings;
  readonly withPgClient: WithPgClient;
  /** Absent where names never change. */
  readonly renamed?: RenamedDocuments;
  /** Absent where no rule limits what is listed. */
  readonly matchingIds?: MatchingIds;
}

/** A document that fits the schema, and the former names that were replaced in it. */
interface Found {
  readonly document: DocumentNode;
  readonly deprecated: readonly Deprecation[];
}

const NONE: readonly Deprecation[] = [];

/** The document of a text, or what keeps it from being one. Former names are thought of when nothing else fits. */
export async function findDocument(served: Served, text: string): Promise<Found | readonly GraphQLError[]> {
  const known = served.renamed?.known(served, text);
  if (known) return known;
  const document = served.instance.document(text);
  if ('kind' in document) return { document, deprecated: NONE };
  return (await served.renamed?.rename(served, text)) ?? document;
}

/** Runs an operation; its variables, too, may use former names. */
export async function run(
  served: Served,
  asked: Operation & Found,
): Promise<{ operation: Operation; outcome: Outcome; deprecated: readonly Deprecation[] }> {
  const { settings, version, withPgClient, matchingIds } = served;
  const context = {
    pgSettings: settings,
    withPgClient,
    ...(matchingIds && { narrow: matchingIds.for(settings, version) }),
  };
  if (asked.deprecated.length === 0) {
    const outcome = await execute(served.instance, asked, context);
    // Variables that do not fit their types are found out before anything is run.
    const mayBeFormer = outcome.data === undefined && asked.variables !== undefined && served.renamed !== undefined;
    if (!mayBeFormer) return { operation: asked, outcome, deprecated: NONE };
    const present = await withPresentVariables(served, asked);
    if (present.deprecated.length === 0) return { operation: asked, outcome, deprecated: NONE };
    return { ...present, outcome: await execute(served.instance, present.operation, context) };
  }
  const { operation, deprecated } = await withPresentVariables(served, asked);
  const outcome = await execute(served.instance, operation, context);
  return { operation, outcome, deprecated: [...asked.deprecated, ...deprecated] };
}

async function withPresentVariables(
  served: Served,
  operation: Operation,
): Promise<{ operation: Operation; deprecated: readonly Deprecation[] }> {
  const names = await served.renamed!.names(served);
  const { variables, deprecated } = presentVariables(served.instance.schema, operation, names);
  return { operation: { ...operation, variables }, deprecated };
}
