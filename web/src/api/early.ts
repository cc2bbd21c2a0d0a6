import { settled } from '../app/settled.ts';

/**
 * What a page asks before its program is there: `public/early.js` sends what was asked at this address when it was last
 * opened, and here the answers go to whoever asks the same. A page that asks for something else just asks.
 */
interface Early {
  url: string;
  body: string | null;
  member: string | null;
  version: string | null;
  answer: Promise<Response>;
}

declare global {
  // oxlint-disable-next-line no-var -- the only way to declare a global
  var relvarEarly: Early[] | undefined;
}

/** As whom this browser was last signed in. */
const PAGE = 'relvar.page';
const ASKED = 'relvar.asked';
const MOST_ADDRESSES = 8;
const MOST_CHARACTERS = 20_000;

type Asked = [url: string, body: string, version: string | null];

/** What is asked of every page, which early.js knows by itself. */
const isKnown = (body: string): boolean => /^\{"operationName":"(Model|Version|Ask)","query":"query \w+ \{/.test(body);

const asked: Asked[] = [];
let isOpen = true;

const header = (init: RequestInit | undefined, name: string): string | null => new Headers(init?.headers).get(name);

/** The answer to a request that was made early; null where it was not, or has been taken. */
export function takeEarly(url: string, init: RequestInit | undefined): Promise<Response> | null {
  if (!isOpen) return null;
  const body = typeof init?.body === 'string' ? init.body : null;
  const version = header(init, 'X-Metadata-Version');
  if (body !== null && isQuery(body) && !isKnown(body)) asked.push([url, body, version]);
  const list = globalThis.relvarEarly ?? [];
  const index = list.findIndex(
    (each) =>
      each.url === url && each.body === body && each.member === header(init, 'X-Member') && each.version === version,
  );
  const [taken] = index < 0 ? [] : list.splice(index, 1);
  return taken ? unlessAborted(taken.answer, init?.signal) : null;
}

const unlessAborted = (answer: Promise<Response>, signal: AbortSignal | null | undefined): Promise<Response> =>
  signal
    ? Promise.race([
        answer,
        new Promise<never>((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
        ),
      ])
    : answer;

const isQuery = (body: string): boolean => /"query":"query\b/.test(body);

/** Kept for the next visit; null once nobody is signed in. */
export function rememberPage(member: string | null): void {
  if (member !== null) localStorage.setItem(PAGE, member);
  else {
    localStorage.removeItem(PAGE);
    localStorage.removeItem(ASKED);
  }
}

/** Parts of the application are also loaded where there is no page. */
const { pathname = '', search = '' } = (globalThis as { location?: Location }).location ?? {};
const address = pathname + search;

// Answers that nobody has wanted by now were read too long ago to be of use.
void settled.then(() => {
  isOpen = false;
  globalThis.relvarEarly = undefined;
  if (localStorage.getItem(PAGE) === null || asked.length === 0) return;
  const kept = Object.entries(JSON.parse(localStorage.getItem(ASKED) ?? '{}') as { [address: string]: Asked[] });
  const others = kept.filter(([each]) => each !== address).slice(1 - MOST_ADDRESSES);
  const text = JSON.stringify(Object.fromEntries([...others, [address, asked]]));
  if (text.length <= MOST_CHARACTERS) localStorage.setItem(ASKED, text);
});
