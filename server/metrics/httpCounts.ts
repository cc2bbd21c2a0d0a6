import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Families } from './families.ts';

/** Upper bounds in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The first parts of addresses that are told apart; anything else is a page or one of its files. */
const DOORS = new Set(['graphql', 'metadata', 'live', 'auth', 'oauth', 'scim', 'rest', 'mcp', 'files', 'healthz']);

interface Series {
  count: number;
  seconds: number;
  buckets: number[];
}

/** How many requests were answered with what, and how long that took. */
export class HttpCounts {
  readonly #answered = new Map<string, number>();
  readonly #took = new Map<string, Series>();
  #open = 0;

  watch(request: IncomingMessage, response: ServerResponse): void {
    const begun = performance.now();
    this.#open += 1;
    response.once('close', () => {
      this.#open -= 1;
      const door = doorOf(request.url ?? '/');
      const key = `${door} ${request.method} ${response.statusCode}`;
      this.#answered.set(key, (this.#answered.get(key) ?? 0) + 1);
      // A stream lasts as long as somebody looks on.
      if (door === 'live') return;
      const series = this.#took.get(door) ?? { count: 0, seconds: 0, buckets: BUCKETS.map(() => 0) };
      this.#took.set(door, series);
      const seconds = (performance.now() - begun) / 1000;
      series.count += 1;
      series.seconds += seconds;
      const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
      if (bucket !== -1) series.buckets[bucket]! += 1;
    });
  }

  tell(families: Families): void {
    const requests = families.counter('relvar_http_requests_total', 'Requests that were answered.');
    for (const [key, count] of this.#answered) {
      const [door = '', method = '', status = ''] = key.split(' ');
      requests({ door, method, status }, count);
    }
    families.gauge('relvar_http_requests_open', 'Requests that are being answered, streams included.')({}, this.#open);
    const took = families.histogram('relvar_http_request_seconds', 'How long requests took, streams excluded.');
    for (const [door, { count, seconds, buckets }] of this.#took) {
      took({ door }, { bounds: BUCKETS, counts: buckets, count, sum: seconds });
    }
  }
}

function doorOf(url: string): string {
  const first = url.slice(1).split(/[/?]/, 1)[0] ?? '';
  return DOORS.has(first) ? first : 'page';
}
