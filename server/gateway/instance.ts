import './grafastMode.ts';
import { makeSchema } from 'postgraphile';
import type { PgClient, WithPgClient } from 'postgraphile/@dataplan/pg';
import { parse, specifiedRules, validate } from 'postgraphile/graphql';
import type { DocumentNode, GraphQLError, GraphQLSchema } from 'postgraphile/graphql';
import { gatewayPreset } from './preset.ts';
import { SubscriptionsPlugin } from './subscriptions.ts';

declare global {
  namespace Grafast {
    /** What a request brings along. */
    interface Context {
      pgSettings: Record<string, string | undefined> | null;
      withPgClient: WithPgClient;
    }
  }
  namespace GraphileConfig {
    interface PgAdaptors {
      catalogue: {
        adaptorSettings: { catalogue: string };
        makePgServiceOptions: never;
        client: PgClient;
      };
    }
  }
}

/** Documents that an instance keeps parsed, validated and (in Grafast) planned. */
const MAX_DOCUMENTS = 500;

/** One GraphQL schema and what is remembered about the documents that were run on it. */
export class Instance {
  readonly schema: GraphQLSchema;
  readonly resolvedPreset: GraphileConfig.ResolvedPreset;
  readonly #documents = new Map<string, DocumentNode>();
  /** Requests that run on it now. */
  inFlight = 0;

  constructor(schema: GraphQLSchema, resolvedPreset: GraphileConfig.ResolvedPreset) {
    this.schema = schema;
    this.resolvedPreset = resolvedPreset;
  }

  /**
   * The parsed and validated document of a text. The same text gives the same object, by which Grafast
   * finds the plan it made before; so clients should send values as variables.
   */
  document(text: string): DocumentNode | readonly GraphQLError[] {
    let document = this.#documents.get(text);
    if (document) {
      this.#documents.delete(text);
    } else {
      try {
        document = parse(text, { maxTokens: 10_000 });
      } catch (error) {
        return [error as GraphQLError];
      }
      const errors = validate(this.schema, document, specifiedRules);
      if (errors.length > 0) return errors;
      if (this.#documents.size >= MAX_DOCUMENTS) {
        this.#documents.delete(this.#documents.keys().next().value!);
      }
    }
    this.#documents.set(text, document);
    return document;
  }
}

/** Builds the GraphQL schema of one Postgres schema out of its catalogue. 0.3–0.8 s of CPU for 30 tables. */
export async function buildInstance(schemaName: string, catalogue: string): Promise<Instance> {
  const { schema, resolvedPreset } = await makeSchema({
    extends: [gatewayPreset],
    // Of the data model there is but its version to tell, which /graphql does.
    plugins: schemaName === 'metadata' ? [] : [SubscriptionsPlugin],
    pgServices: [
      {
        name: 'main',
        schemas: [schemaName],
        pgSettingsKey: 'pgSettings',
        withPgClientKey: 'withPgClient',
        // Requests bring their own client; a build asks for nothing but the catalogue.
        adaptor: { createWithPgClient: () => answerWith(catalogue), makePgService: refuse },
        adaptorSettings: { catalogue },
      },
    ],
  });
  return new Instance(schema, resolvedPreset);
}

function answerWith(catalogue: string): WithPgClient {
  const client: PgClient = {
    query: <TData>() => Promise.resolve({ rows: [{ introspection: catalogue } as TData], rowCount: 1 }),
    withTransaction: refuse,
  };
  return async (_settings, callback) => callback(client);
}

function refuse(): never {
  throw new Error('A schema build asks for the catalogue alone.');
}
