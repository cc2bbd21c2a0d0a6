import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Pool } from 'pg';
import { getOperationAST, Kind } from 'postgraphile/graphql';
import type { DocumentNode } from 'postgraphile/graphql';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import type { Identity } from '../auth/identity.ts';
import { ERRORS, RequestError } from '../errors.ts';
import { readJson } from '../http/body.ts';
import { logHidden } from '../log.ts';
import { explainErrors, explainInvalidDocument } from './graphqlErrors.ts';
import type { AnswerError } from './graphqlErrors.ts';
import type { Instance } from './instance.ts';
import type { MatchingIds } from './matchingIds.ts';
import { findDocument, run } from './operation.ts';
import type { Served } from './operation.ts';
import type { RequestSettings } from './pgClient.ts';
import type { Deprecation } from './presentDocument.ts';
import type { RenamedDocuments } from './renamedDocuments.ts';

/** What one GraphQL endpoint adds to the common handling of a request. */
export interface Endpoint {
  readonly pool: Pool;
  readonly withPgClient: WithPgClient;
  readonly identify: (request: IncomingMessage, response: ServerResponse) => Identity | Promise<Identity>;
  /** The schema that serves the request, at least as new as `minVersion`. */
  readonly acquire: (identity: Identity, minVersion: number) => Promise<{ instance: Instance; version: number }>;
  readonly settings: (identity: Identity, requestId: string) => RequestSettings;
  /** Documents that use names which the workspace's objects and fields had before; where names can change. */
  readonly renamed?: RenamedDocuments;
  /** Where rules of roles limit what is listed. */
  readonly matchingIds?: MatchingIds;
  /** Answers a subscription with a stream of events, where there are subscriptions. */
  readonly stream?: (call: Call) => Promise<void>;
}

/** A request whose caller is known and whose body is read. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly identity: Identity;
  readonly body: Body;
}

export interface Body {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
}

/**
 * A GraphQL-over-HTTP endpoint. It answers with text that Grafast has written, not with objects, and uses
 * nothing of Express, whose routing costs 8 % of a request.
 */
export function makeGraphqlHandler(endpoint: Endpoint): RequestListener {
  return (request, response) => {
    const requestId = randomUUID();
    // As the event log has it, so that whoever asked knows its own changes.
    response.setHeader('x-request-id', requestId);
    handle(endpoint, request, response, requestId).catch((error: unknown) => {
      fail(response, error, requestId);
    });
  };
}

async function handle(
  endpoint: Endpoint,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  const identity = await endpoint.identify(request, response);
  const body = parseBody(await readJson(request));
  await answer(endpoint, { request, response, identity, body, requestId });
}

async function answer(endpoint: Endpoint, call: Call & { requestId: string }): Promise<void> {
  const { request, response, identity, body, requestId } = call;
  let minVersion = requestedVersion(request);
  const settings = endpoint.settings(identity, requestId);
  // Twice at most: what failed because the data model moved on is repeated on the newest schema.
  for (let attempt = 1; ; attempt += 1) {
    const { instance, version } = await endpoint.acquire(identity, minVersion);
    const served: Served = { ...endpoint, workspaceId: identity.workspaceId, instance, version, settings };
    const found = await findDocument(served, body.query);
    if (!('document' in found)) {
      send(request, response, { version, invalidStatus: 400, errors: explainInvalidDocument(found) });
      return;
    }
    if (getOperationAST(found.document, body.operationName)?.operation === 'subscription') {
      if (!endpoint.stream || !acceptsEvents(request)) throw new RequestError('SUBSCRIPTION_NEEDS_STREAM');
      await endpoint.stream(call);
      return;
    }
    const { operation, outcome, deprecated } = await run(served, { ...body, ...found });
    const { data, errors } = outcome;
    const explained = errors && (await explainErrors(errors, { ...endpoint, ...operation, settings, requestId }));
    const isStale = explained?.some(({ extensions }) => extensions.code === 'MODEL_CHANGED');
    if (isStale && attempt === 1 && !isMutation(operation.document, body.operationName)) {
      minVersion = version + 1;
      continue;
    }
    send(request, response, { version, invalidStatus: 200, data, errors: explained, deprecated });
    return;
  }
}

interface Answer {
  readonly version: number;
  /** The status for whoever accepts GraphQL's own media type; others get 200. */
  readonly invalidStatus: number;
  readonly data?: string | null | undefined;
  readonly errors?: readonly AnswerError[] | undefined;
  readonly deprecated?: readonly Deprecation[];
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { version, invalidStatus, data, errors, deprecated = [] }: Answer,
): void {
  const modern = request.headers.accept?.includes('application/graphql-response+json') ?? false;
  let text = '{';
  if (errors && errors.length > 0) text += `"errors":${JSON.stringify(errors)}`;
  if (data !== undefined) text += `${text.length > 1 ? ',' : ''}"data":${data}`;
  if (deprecated.length > 0) text += `,"extensions":${JSON.stringify({ deprecated })}`;
  text += '}';
  response.writeHead(modern ? invalidStatus : 200, {
    'content-type': modern ? 'application/graphql-response+json; charset=utf-8' : 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-metadata-version': version,
  });
  response.end(text);
}

function fail(response: ServerResponse, error: unknown, requestId: string): void {
  const known = error instanceof RequestError ? error : undefined;
  const id = known ? undefined : logHidden(error, { requestId });
  const { message, hint, status } = known ?? ERRORS.INTERNAL;
  const extensions = { code: known?.code ?? 'INTERNAL', hint, ...(id && { id }) };
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    ...known?.headers,
  });
  response.end(JSON.stringify({ errors: [{ message, extensions }] }));
}

/** Clients that can do everything name it among others; who asks a query gets an ordinary answer all the same. */
export const acceptsEvents = ({ headers }: IncomingMessage): boolean =>
  headers.accept?.includes('text/event-stream') ?? false;

function requestedVersion(request: IncomingMessage): number {
  const header = request.headers['x-metadata-version'];
  if (header === undefined) return 0;
  const version = Number(header);
  if (Number.isSafeInteger(version) && version >= 0) return version;
  throw new RequestError('INVALID_REQUEST', {
    message: `X-Metadata-Version is "${String(header)}", which is not a version number.`,
  });
}

export function parseBody(body: unknown): Body {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RequestError('INVALID_REQUEST', {
      message: 'The body must be one JSON object with "query".',
    });
  }
  const { query, operationName, variables } = body as Record<string, unknown>;
  if (typeof query !== 'string') {
    throw new RequestError('INVALID_REQUEST', {
      message: '"query" must be the text of a GraphQL document.',
    });
  }
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') {
    throw new RequestError('INVALID_REQUEST', { message: '"operationName" must be a text.' });
  }
  if (variables !== undefined && variables !== null && (typeof variables !== 'object' || Array.isArray(variables))) {
    throw new RequestError('INVALID_REQUEST', { message: '"variables" must be an object.' });
  }
  return {
    query,
    operationName: operationName ?? undefined,
    variables: (variables as Record<string, unknown> | null | undefined) ?? undefined,
  };
}

function isMutation(document: DocumentNode, operationName: string | undefined): boolean {
  return document.definitions.some(
    (definition) =>
      definition.kind === Kind.OPERATION_DEFINITION &&
      definition.operation === 'mutation' &&
      (operationName === undefined || definition.name?.value === operationName),
  );
}
