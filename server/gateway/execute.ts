import './grafastMode.ts';
import { execute as grafastExecute } from 'postgraphile/grafast';
import type { GraphQLError } from 'postgraphile/graphql';
import type { DocumentNode, ExecutionResult } from 'postgraphile/graphql';
import type { Instance } from './instance.ts';

export interface Operation {
  readonly document: DocumentNode;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
}

export interface Outcome {
  /** The `data` of the answer, as JSON text already; undefined when nothing could be run. */
  readonly data: string | null | undefined;
  readonly errors: readonly GraphQLError[] | undefined;
}

/** Runs an operation. Grafast writes the answer as JSON text straight from the rows. */
export async function execute(
  instance: Instance,
  operation: Operation,
  context: Pick<Grafast.Context, 'pgSettings' | 'withPgClient' | 'narrow'>,
): Promise<Outcome> {
  instance.inFlight += 1;
  try {
    const result = await grafastExecute({
      schema: instance.schema,
      document: operation.document,
      operationName: operation.operationName,
      variableValues: operation.variables,
      contextValue: { ...context },
      resolvedPreset: instance.resolvedPreset,
      // No plugin of ours wraps execution; asking each step whether one does costs a few percent.
      middleware: null,
      outputDataAsString: true,
    });
    const { data, errors } = result as Omit<ExecutionResult, 'data'> & { data?: string | null };
    return { data, errors };
  } finally {
    instance.inFlight -= 1;
  }
}
