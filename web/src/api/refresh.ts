import { t } from '../language/t.ts';
import { takeEarly } from './early.ts';

/**
 * The access token in its cookie lasts ten minutes; the server gives the next one for the refresh token in another. A
 * refresh token is good for one use, so one tab at a time asks, and the others take what it got.
 */
const LAST = 'relvar.refreshed';

let asking: Promise<boolean> | null = null;

const lastRefresh = (): number => Number(localStorage.getItem(LAST) ?? 0);

/** Gets the next access token, unless somebody has since `since`. False when the session has ended. */
export function refresh(since: number): Promise<boolean> {
  asking ??= inOneTab(() => (lastRefresh() > since ? Promise.resolve(true) : ask())).finally(() => {
    asking = null;
  });
  return asking;
}

let turn: Promise<unknown> = Promise.resolve();

function inOneTab<Result>(work: () => Promise<Result>): Promise<Result> {
  if ('locks' in navigator) return navigator.locks.request('relvar-refresh', work) as Promise<Result>;
  // Pages served without https have no locks; there the server bears with two tabs that ask at the same moment.
  const mine = turn.then(work, work);
  turn = mine;
  return mine;
}

async function ask(): Promise<boolean> {
  const response = await fetch('/auth/refresh', {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  if (response.status === 401) return false;
  if (!response.ok) throw new Error(t('The session was not renewed: status {status}.', { status: response.status }));
  noteRefresh();
  return true;
}

const noteRefresh = (): void => localStorage.setItem(LAST, String(Date.now()));

let page: string | null = null;
/** The member as whom this page was opened: the server answers no page as somebody else. */
export const actAs = (member: string | null): void => {
  page = member;
};
export const actingAs = (): string | null => page;

const isRefused = (response: Response): boolean => response.status === 401 && response.headers.has('www-authenticate');

function asThisPage(init: RequestInit | undefined): RequestInit {
  const headers = new Headers(init?.headers);
  if (page !== null) headers.set('X-Member', page);
  return { ...init, headers };
}

/** As `fetch`; what is refused for want of a current token is sent again with a new one. */
export const fetchSignedIn: typeof fetch = async (input, init) => {
  const given = asThisPage(init);
  const send = () => fetch(input, given);
  const early = typeof input === 'string' ? takeEarly(input, given) : null;
  // A token that was too old for an early request may have been renewed since, and what went wrong may go right by now.
  const since = early ? performance.timeOrigin : Date.now();
  const response = early ? await early.catch(send) : await send();
  if (!isRefused(response)) return response;
  return (await refresh(since)) ? send() : response;
};

/**
 * As `fetchSignedIn`, for what gives the browser the tokens of another session. Meanwhile nobody asks for the next ones of
 * the session that is left: it may be over, and a refusal takes all tokens from the browser, those that have just come, too.
 */
export const fetchTokens: typeof fetch = (input, init) =>
  inOneTab(async () => {
    const send = () => fetch(input, asThisPage(init));
    let response = await send();
    if (isRefused(response) && (await ask())) response = await send();
    if (response.ok) noteRefresh();
    return response;
  });
