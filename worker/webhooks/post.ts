import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import { guardAddresses, type AddressLimits } from '../../db/publicAddresses.ts';

const TIMEOUT_MS = 15_000;
/** Of an answer this much is kept for the log; what is longer than the other is not read to its end. */
const KEPT_BYTES = 4_096;
const MAX_BYTES = 65_536;

export interface Answer {
  status: number | null;
  /** A sentence that says why it is no success; null for one. */
  error: string | null;
  headers: Record<string, string>;
  body: string;
  ms: number;
  /** After how many seconds the receiver wants to be asked again. */
  retryAfter: number | null;
}

/** Sends to one address. Throws only where the process is told to stop, and otherwise says what became of it. */
export type Post = (headers: Record<string, string>, body: string) => Promise<Answer>;

const SHOWN_HEADERS = ['content-type', 'location', 'retry-after', 'date', 'server', 'x-request-id'];

type Target = RequestOptions & { href?: string };

class TimedOut extends Error {}

/**
 * Sends what webhooks say, over connections that are kept. Never to addresses inside the network, whatever a name resolves to
 * at the moment of connecting, and never where a redirect leads: nobody asked for the data to be there.
 */
export function makePosts(
  limits: AddressLimits,
  stopping: AbortSignal,
): { to: (address: string) => Post; close: () => void } {
  const { assertHost, lookup } = guardAddresses(limits);
  const kept = { keepAlive: true, keepAliveMsecs: 1_000, maxFreeSockets: 32, timeout: TIMEOUT_MS + 5_000 };
  const agents = { 'http:': new HttpAgent(kept), 'https:': new HttpsAgent(kept) };
  const onTheirWay = new Set<ClientRequest>();
  // One listener and one timer for all of a request: signals made for each cost more than the request itself.
  stopping.addEventListener('abort', () => onTheirWay.forEach((request) => request.destroy()));

  const attempt = (target: Target, headers: Record<string, string>, body: string) =>
    new Promise<Omit<Answer, 'ms'>>((resolve, reject) => {
      const isSecure = target.protocol === 'https:';
      const request = (isSecure ? requestHttps : requestHttp)({
        ...target,
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body), 'accept-encoding': 'identity' },
        agent: agents[isSecure ? 'https:' : 'http:'],
        lookup,
      });
      const timer = setTimeout(() => request.destroy(new TimedOut()), TIMEOUT_MS);
      onTheirWay.add(request);
      request.on('response', (answer) => readAnswer(answer, target.href!).then(resolve, reject));
      request.on('error', (error) => reject(Object.assign(error, { reusedSocket: request.reusedSocket })));
      request.on('close', () => {
        clearTimeout(timer);
        onTheirWay.delete(request);
      });
      request.end(body);
      if (stopping.aborted) request.destroy();
    });

  const to = (address: string): Post => {
    let target: Target | undefined;
    return async (headers, body) => {
      const began = performance.now();
      const done = (answer: Omit<Answer, 'ms'>): Answer => ({ ...answer, ms: Math.round(performance.now() - began) });
      for (let again = false; ; again = true) {
        try {
          target ??= urlToHttpOptions(new URL(address)) as Target;
          assertHost(target.hostname!);
          return done(await attempt(target, headers, body));
        } catch (error) {
          if (stopping.aborted) throw error;
          // The receiver closed a kept connection at the moment that it was to be used again.
          const { code, reusedSocket } = error as { code?: string; reusedSocket?: boolean };
          if (!again && reusedSocket === true && (code === 'ECONNRESET' || code === 'EPIPE')) continue;
          const reason =
            error instanceof TimedOut ? `no answer within ${TIMEOUT_MS / 1000} seconds` : reasonOf(error as Error);
          return done({
            status: null,
            error: `Could not be reached: ${reason}`,
            headers: {},
            body: '',
            retryAfter: null,
          });
        }
      }
    };
  };

  return {
    to,
    close: () => {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
}

function reasonOf(error: Error): string {
  // Several addresses were tried, and each has its reason.
  const first = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  return (first.message || (first as NodeJS.ErrnoException).code) ?? 'no reason was given';
}

/** Where a redirect leads, as far as the log may say: the rest of an address is often the secret that opens it. */
function placeOf(location: string, address: string): string {
  if (!URL.canParse(location, address)) return '…';
  const { protocol, host } = new URL(location, address);
  return `${protocol}//${host}/…`;
}

function readAnswer(answer: IncomingMessage, address: string): Promise<Omit<Answer, 'ms'>> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = () => {
      const status = answer.statusCode ?? 0;
      const text = (name: string) => {
        const value = String(answer.headers[name] ?? '');
        return name === 'location' && value !== '' ? placeOf(value, address) : value;
      };
      const isRedirect = status >= 300 && status < 400 && text('location') !== '';
      resolve({
        status,
        error:
          status >= 200 && status < 300
            ? null
            : isRedirect
              ? `Answered ${status} and leads to ${text('location')}. Redirects are not followed: change the address of the webhook.`
              : `Answered ${status}.`,
        headers: Object.fromEntries(
          SHOWN_HEADERS.filter((name) => answer.headers[name] !== undefined).map((name) => [
            name,
            text(name).slice(0, 500),
          ]),
        ),
        body: Buffer.concat(chunks).toString('utf8'),
        retryAfter: status === 429 || status >= 500 ? secondsUntil(text('retry-after'), text('date')) : null,
      });
    };
    answer.on('data', (chunk: Buffer) => {
      if (bytes < KEPT_BYTES) chunks.push(chunk.subarray(0, KEPT_BYTES - bytes));
      bytes += chunk.length;
      if (bytes <= MAX_BYTES) return;
      finish();
      answer.destroy();
    });
    answer.on('end', finish);
    answer.on('error', reject);
  });
}

const LONGEST_WAIT_SECONDS = 12 * 3600;

/** Retry-After: seconds, or a date, which is told from the receiver's own clock where it says what that shows. */
export function secondsUntil(retryAfter: string, date: string, now = Date.now()): number | null {
  const seconds = /^\s*\d+\s*$/.test(retryAfter)
    ? Number(retryAfter)
    : (Date.parse(retryAfter) - (Number.isNaN(Date.parse(date)) ? now : Date.parse(date))) / 1000;
  if (Number.isNaN(seconds)) return null;
  return Math.min(Math.max(seconds, 0), LONGEST_WAIT_SECONDS);
}
