import type { DatabaseError } from 'pg';
import { ERRORS } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/** What a person is told about an error of the database. `code` is one of ERRORS or one of the engine's. */
export interface FriendlyError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** The API name of the field at fault, where the database says which. */
  readonly field?: string;
  /** The table at fault and the constraint, by which the catalogue can tell the field. */
  readonly table?: string;
  readonly constraint?: string;
}

export function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof Error && 'severity' in error && 'code' in error;
}

/** The friendly form of a database error; undefined for those that nobody but us should read. */
export function explainDatabaseError(error: DatabaseError, isFromApp = false): FriendlyError | undefined {
  const code = error.code ?? '';
  // The engine and the metadata's rules: written for people, with their own code, field and hint.
  if (code.startsWith('RV')) {
    return { code, message: error.message, hint: error.hint ?? null, ...fieldOf(error.column) };
  }
  switch (code) {
    case '23505':
      return { ...known('NOT_UNIQUE'), ...constraintOf(error) };
    case '23503':
      // Row-level security hides the detail, so the sentence has to say which side it is.
      return error.message.startsWith('update or delete on table')
        ? known('STILL_REFERENCED')
        : { ...known('RELATED_RECORD_MISSING'), ...constraintOf(error) };
    case '23001':
      return known('STILL_REFERENCED');
    case '23514':
      return { ...known('VALUE_NOT_ALLOWED'), ...constraintOf(error) };
    case '23502':
      return { ...known('VALUE_REQUIRED'), ...fieldOf(error.column) };
    case '42501': {
      const table = /^permission denied for (?:table|view) "?([^"]+)"?$/.exec(error.message)?.[1];
      return { ...known('FORBIDDEN'), ...(table && { table }) };
    }
    // Transactions cannot write of who sees as somebody else, and of apps that were let in to read.
    case '25006':
      return known(isFromApp ? 'APP_READS_ONLY' : 'READ_ONLY');
    // The table or column is gone: the schema that served this is older than the data model.
    case '42703':
    case '42P01':
    case '42883':
      return known('MODEL_CHANGED');
    case '40001':
    case '40P01':
    case '55P03':
      return known('CONFLICT');
    case '57014':
      return known('TIMEOUT');
  }
  if (code.startsWith('22')) {
    return {
      ...known('VALUE_INVALID'),
      message: sentence(error.message),
      ...fieldOf(error.column),
    };
  }
  if (/^(08|53|57P)/.test(code)) return known('DATABASE_UNAVAILABLE');
  return undefined;
}

function known(code: ErrorCode): FriendlyError {
  return { code, message: ERRORS[code].message, hint: ERRORS[code].hint };
}

function fieldOf(column: string | undefined): { field?: string } {
  return column === undefined ? {} : { field: camelCase(column) };
}

export function camelCase(column: string): string {
  return column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function constraintOf({ table, constraint }: DatabaseError): {
  table?: string;
  constraint?: string;
} {
  return table && constraint ? { table, constraint } : {};
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}
