import { Client, fetchExchange, type TypedDocumentNode } from 'urql';
import { useModelStore } from '../model/store.ts';
import { hearAt, look, untilAway } from './connection.ts';
import { Failure, toFailure } from './failure.ts';
import { reloadPage } from './leaving.ts';
import { fetchSignedIn } from './refresh.ts';

const MAX_OWN = 500;
/** So long an answer takes where the network may have been cut. */
const LONG_MS = 6_000;
const own = new Set<string>();

/** Whether this page made a request, and so knows what came of it. */
export const isOwnRequest = (id: string): boolean => own.has(id);
/** For requests whose outcome this page has to read like that of anybody else. */
export const disownRequest = (id: string): void => void own.delete(id);

const fetchRecords: typeof fetch = async (input, init) => {
  const signal = AbortSignal.any([untilAway(), ...(init?.signal ? [init.signal] : [])]);
  const waiting = setTimeout(look, LONG_MS);
  const response = await fetchSignedIn(input, { ...init, signal }).finally(() => clearTimeout(waiting));
  hearAt(response.headers.get('date'));
  const id = response.headers.get('x-request-id');
  if (id) {
    if (own.size >= MAX_OWN) own.delete(own.values().next().value!);
    own.add(id);
  }
  return response;
};

/** Pages and records are kept by the screens that show them, so the client itself caches nothing and never serves stale rows. */
const records = new Client({
  url: '/graphql',
  exchanges: [fetchExchange],
  fetch: fetchRecords,
  preferGetMethod: false,
  fetchOptions: () => {
    const version = useModelStore.getState().model?.version;
    const headers: { [name: string]: string } = version === undefined ? {} : { 'X-Metadata-Version': String(version) };
    return { credentials: 'same-origin', headers };
  },
});

const metadata = new Client({
  url: '/metadata',
  exchanges: [fetchExchange],
  fetch: fetchSignedIn,
  preferGetMethod: false,
  fetchOptions: { credentials: 'same-origin' },
});

type Variables = { [name: string]: unknown };

/** Hears the id of a request, by which the log knows what it changed. */
type Note = (requestId: string) => void;

const noting =
  (note: Note): typeof fetch =>
  async (input, init) => {
    const response = await fetchRecords(input, init);
    const id = response.headers.get('x-request-id');
    if (id) note(id);
    return response;
  };

interface Handlers {
  signedOut: () => void;
  modelChanged: () => Promise<void>;
}

let handlers: Handlers | null = null;
/** What the application does when the server says that this page's session or model is no longer the current one. */
export const handleWith = (given: Handlers): void => {
  handlers = given;
};

let underWay = 0;
/** Whether an answer is waited for. */
export const isWaiting = (): boolean => underWay > 0;

async function run<Data, Vars extends Variables>(
  client: Client,
  document: TypedDocumentNode<Data, Vars>,
  variables: Vars,
  note?: Note,
): Promise<{ data: Data | undefined; failure: Failure | undefined }> {
  const isMutation = document.definitions.some(
    (definition) => 'operation' in definition && definition.operation === 'mutation',
  );
  underWay += 1;
  const result = await (
    isMutation
      ? client.mutation(document, variables, note ? { fetch: noting(note) } : {})
      : client.query(document, variables, { requestPolicy: 'network-only' })
  )
    .toPromise()
    .finally(() => (underWay -= 1));
  const failure = result.error ? toFailure(result.error, !isMutation) : undefined;
  if (failure?.code === 'UNREACHABLE') look();
  if (failure?.code === 'NOT_SIGNED_IN') handlers?.signedOut();
  if (failure?.code === 'OTHER_SESSION') reloadPage();
  // The screen that asked is drawn anew from the new model, and asks again from there.
  if (failure?.code === 'MODEL_CHANGED') await handlers?.modelChanged();
  return { data: result.data, failure };
}

/** Runs an operation and gives its data, or throws the first thing that went wrong. */
export async function request<Data, Vars extends Variables>(
  document: TypedDocumentNode<Data, Vars>,
  variables: Vars,
  note?: Note,
): Promise<Data> {
  const { data, failure } = await run(records, document, variables, note);
  if (failure) throw failure;
  if (!data) throw new Failure('The server sent no answer.', 'SERVER');
  return data;
}

/** As `request`, for operations of which a part may fail: gives what succeeded and what did not. */
export const attempt = <Data, Vars extends Variables>(document: TypedDocumentNode<Data, Vars>, variables: Vars) =>
  run(records, document, variables);

export async function requestMetadata<Data, Vars extends Variables>(
  document: TypedDocumentNode<Data, Vars>,
  variables: Vars,
): Promise<Data> {
  const { data, failure } = await run(metadata, document, variables);
  if (failure) throw failure;
  if (!data) throw new Failure('The server sent no answer.', 'SERVER');
  return data;
}
