import { CombinedError } from 'urql';
import { look } from './connection.ts';
import { reloadPage } from './leaving.ts';
import { fetchSignedIn } from './refresh.ts';
import { serverText } from '../language/serverText.ts';
import { t } from '../language/t.ts';

/** What a person needs to know when a request did not work. */
export class Failure extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly field: string | undefined;

  constructor(message: string, code: string, hint?: string, field?: string) {
    super(message);
    this.name = 'Failure';
    this.code = code;
    this.hint = hint;
    this.field = field;
  }
}

interface ApiError {
  message?: string;
  code?: string;
  hint?: string;
  field?: string;
}

/** What stands before a server says so of one that is gone. */
export const isGateway = (status: number | undefined): boolean =>
  status !== undefined && status >= 502 && status <= 504;

const UNREACHABLE = t('The server cannot be reached. Check your connection and try again.');
const UNSAVED = t('The server cannot be reached. Your change was not saved.');

const fromApi = (error: ApiError, fallback: string): Failure =>
  new Failure(
    serverText(error.message ?? fallback),
    error.code ?? 'UNKNOWN',
    error.hint && serverText(error.hint),
    error.field,
  );

/** `isRead` where nothing was to be changed. */
export function toFailure(cause: unknown, isRead = false): Failure {
  if (cause instanceof Failure) return cause;
  if (cause instanceof CombinedError) {
    const [first] = cause.graphQLErrors;
    if (first) return fromApi({ message: first.message, ...(first.extensions as ApiError) }, first.message);
    if (cause.networkError) {
      const status = (cause.response as Response | undefined)?.status;
      if (status === 401) return new Failure(t('You have been signed out.'), 'NOT_SIGNED_IN');
      return new Failure(
        status && !isGateway(status)
          ? t('The server answered with status {status}.', { status })
          : isRead
            ? UNREACHABLE
            : UNSAVED,
        status && !isGateway(status) ? 'SERVER' : 'UNREACHABLE',
      );
    }
  }
  return new Failure(cause instanceof Error ? cause.message : String(cause), 'UNKNOWN');
}

export async function fetchJson<Result>(path: string, body?: unknown, send = fetchSignedIn): Promise<Result> {
  let response: Response;
  try {
    response = await send(path, {
      method: body === undefined ? 'GET' : 'POST',
      credentials: 'same-origin',
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    look();
    throw new Failure(UNREACHABLE, 'UNREACHABLE');
  }
  const answer = (await response.json().catch(() => null)) as ({ error?: ApiError } & Result) | null;
  if (response.ok) return answer as Result;
  if (answer?.error?.code === 'OTHER_SESSION') reloadPage();
  throw fromApi(
    { code: response.status === 401 ? 'NOT_SIGNED_IN' : 'SERVER', ...answer?.error },
    t('The server answered with status {status}.', { status: response.status }),
  );
}
