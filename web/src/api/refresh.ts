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

// Pages served without https have no locks; there the server bears with two tabs that ask at the same moment.
const inOneTab = (work: () => Promise<boolean>): Promise<boolean> =>
  'locks' in navigator ? navigator.locks.request('relvar-refresh', work) : work();

async function ask(): Promise<boolean> {
  const response = await fetch('/auth/refresh', {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  if (response.status === 401) return false;
  if (!response.ok) throw new Error(`The session was not renewed: status ${response.status}.`);
  localStorage.setItem(LAST, String(Date.now()));
  return true;
}

let page: string | null = null;
/** The member as whom this page was opened: the server answers no page as somebody else. */
export const actAs = (member: string | null): void => {
  page = member;
};
export const actingAs = (): string | null => page;

/** As `fetch`; what is refused for want of a current token is sent again with a new one. */
export const fetchSignedIn: typeof fetch = async (input, init) => {
  const since = Date.now();
  const headers = new Headers(init?.headers);
  if (page !== null) headers.set('X-Member', page);
  const send = () => fetch(input, { ...init, headers });
  const response = await send();
  if (response.status !== 401 || !response.headers.has('www-authenticate')) return response;
  return (await refresh(since)) ? send() : response;
};
