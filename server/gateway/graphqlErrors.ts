import type { DatabaseError } from 'pg';
import { GraphQLError } from 'postgraphile/graphql';
import { RequestError, ERRORS } from '../errors.ts';
import { logHidden } from '../log.ts';
import { brokenBy, explainViolations } from '../../db/violation.ts';
import type { Violation } from '../../db/violation.ts';
import { explainDatabaseError, isDatabaseError } from './databaseErrors.ts';
import { findField } from './errorFields.ts';
import type { FailedRequest } from './errorFields.ts';

/** One entry of `errors` in a GraphQL answer. */
export interface AnswerError {
  message: string;
  path?: readonly (string | number)[] | undefined;
  locations?: readonly { line: number; column: number }[] | undefined;
  extensions: { code: string; hint?: string | null; field?: string; id?: string };
}

/** The errors of a document that does not parse or does not fit the schema. */
export function explainInvalidDocument(errors: readonly GraphQLError[]): AnswerError[] {
  return errors.map(({ message, locations }) => ({
    message,
    locations,
    extensions: { code: 'INVALID_QUERY', hint: null },
  }));
}

/** Turns what went wrong while running into errors for people; the rest is logged and masked. */
export async function explainErrors(errors: readonly GraphQLError[], request: FailedRequest): Promise<AnswerError[]> {
  return Promise.all(errors.map((error) => explain(error, request)));
}

async function explain(error: GraphQLError, request: FailedRequest): Promise<AnswerError> {
  const place = { path: error.path, locations: error.locations };
  const cause = error.originalError;
  if (cause instanceof RequestError) {
    return { message: cause.message, ...place, extensions: { code: cause.code, hint: cause.hint } };
  }
  if (isDatabaseError(cause)) {
    const friendly = explainDatabaseError(cause, request.settings['relvar.application_id'] !== undefined);
    if (friendly) {
      const violation = await ruleOf(cause, request);
      const field = friendly.field ?? (await findField(error, friendly, request, violation?.field));
      return {
        message: violation?.message ?? friendly.message,
        ...place,
        extensions: { code: friendly.code, hint: violation ? violation.hint : friendly.hint, ...(field && { field }) },
      };
    }
  }
  if (/^No values were (updated|deleted) in collection/.test(cause?.message ?? '')) {
    const { message, hint } = ERRORS.RECORD_MISSING;
    return { message, ...place, extensions: { code: 'RECORD_MISSING', hint } };
  }
  if (cause?.message.endsWith(' forbidden in filter argument input.')) {
    const hint = 'Leave the filter out, or ask for what is empty with "isNull".';
    return { message: cause.message, ...place, extensions: { code: 'INVALID_REQUEST', hint } };
  }
  // GraphQL's own complaints about variables, and Grafast's about arguments, are safe to read.
  if (!cause || cause instanceof GraphQLError || isSafe(cause)) {
    return {
      message: error.message,
      ...place,
      extensions: { code: 'INVALID_REQUEST', hint: null },
    };
  }
  const id = logHidden(cause, { requestId: request.requestId, path: error.path });
  const { message, hint } = ERRORS.INTERNAL;
  return { message, ...place, extensions: { code: 'INTERNAL', hint, id } };
}

async function ruleOf(error: DatabaseError, { pool, settings }: FailedRequest): Promise<Violation | undefined> {
  const broken = brokenBy(error);
  if (!broken) return undefined;
  const [violation] = await explainViolations(pool, broken.schema, broken.table, [broken], settings.role);
  return violation;
}

/** Grafast marks the errors that it means for the client. */
function isSafe(error: Error): boolean {
  return Object.getOwnPropertySymbols(error).some((symbol) => symbol.description === 'safeError');
}
