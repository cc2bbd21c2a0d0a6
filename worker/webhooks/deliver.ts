import type { Pool } from 'pg';
import type { Answer, Post } from './post.ts';
import type { Format, Sign } from './sign.ts';

/** How many are fetched at a time, and how many are on their way to one receiver. */
const FETCHED = 400;
const ON_THEIR_WAY = 10;
/** After so many failures in a row nothing more is begun: the database says when to try again. */
const FAILURES_IN_A_ROW = 5;
const NOTED_EVERY_MS = 250;
/** Then it is taken anew, with the address and the secrets that it has by then, after others that wait. */
const SERVED_MS = 2_000;
const LOGGED_LENGTH = 4_096;

interface Webhook {
  id: string;
  format: Format;
  post: Post;
  sign: Sign;
}

interface Work {
  delivery_id: string | null;
  kind: string;
  message_id: string;
  event_type: string;
  object_id: string | null;
  record_id: string | null;
  position: string | null;
  batch: string | null;
  seq: number | null;
  body: string;
  /** Up to where the log has been read. */
  read_position: string;
  read_seq: number;
}

export interface Lease {
  engine: Pool;
  worker: string;
  signal: AbortSignal;
}

/** Sends what a webhook has to tell until there is nothing more, it fails, others have waited, or another worker has it. */
export async function deliverWebhook(lease: Lease, webhook: Webhook): Promise<void> {
  const until = performance.now() + SERVED_MS;
  let work = await fetchWork(lease, webhook, false);
  while (!lease.signal.aborted) {
    // While these are on their way, the database finds the next: of a full round there is likely more.
    const isAhead = work.length >= FETCHED / 2 && performance.now() < until;
    const ahead = isAhead ? fetchWork(lease, webhook, true).catch(() => []) : Promise.resolve([]);
    const round = new Round(lease, webhook, work);
    await round.send();
    const next = round.hasFailed ? [] : await ahead;
    if (!(await round.end(next[0])) || performance.now() >= until) return;
    work = next.length > 0 ? next : await fetchWork(lease, webhook, false);
  }
}

async function fetchWork({ engine, worker }: Lease, { id }: Webhook, isAhead: boolean): Promise<Work[]> {
  const { rows } = await engine.query<Work>({
    name: 'webhook work',
    text: 'select * from engine.webhook_work($1, $2, $3, $4)',
    values: [id, worker, FETCHED, isAhead],
  });
  return rows;
}

type Cursor = [
  position: string | null,
  seq: number | null,
  isDone: boolean,
  readPosition: string | null,
  readSeq: number | null,
];

/** What was fetched, on its way: those of one record one after the other, others side by side. */
class Round {
  readonly #lease: Lease;
  readonly #webhook: Webhook;
  readonly #work: Work[];
  readonly #tried = new Set<Work>();
  #results: object[] = [];
  #failuresInARow = 0;
  #isStopped = false;
  #hasFailed = false;
  #isNoting: Promise<boolean> = Promise.resolve(true);

  constructor(lease: Lease, webhook: Webhook, work: Work[]) {
    this.#lease = lease;
    this.#webhook = webhook;
    this.#work = work;
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  async send(): Promise<void> {
    const records = Map.groupBy(this.#work, (each) => each.record_id ?? each.message_id).values();
    const timer = setInterval(() => this.#noteSoon(), NOTED_EVERY_MS);
    try {
      await Promise.all(Array.from({ length: ON_THEIR_WAY }, () => this.#sendRecords(records)));
    } finally {
      clearInterval(timer);
    }
    await this.#isNoting;
  }

  /** Notes the rest, and whether there is more to send now; `next` is of the round that follows, where it is known already. */
  end(next: Work | undefined): Promise<boolean> {
    const isDone = this.#work.every((each) => this.#tried.has(each));
    const last = isDone ? undefined : this.#lastBeforeUntried();
    return this.#note([
      last?.position ?? null,
      last?.seq ?? null,
      isDone,
      next?.read_position ?? null,
      next?.read_seq ?? null,
    ]);
  }

  async #sendRecords(records: Iterator<Work[]>): Promise<void> {
    for (let next = records.next(); !next.done && !this.#mustStop(); next = records.next()) {
      let hasFailed = false;
      for (const work of next.value) {
        if (hasFailed) {
          // It waits for what went before it, which is tried again.
          if (work.delivery_id === null) this.#results.push({ ...described(work), isTried: false });
          this.#tried.add(work);
        } else if (this.#mustStop()) return;
        else hasFailed = !(await this.#send(work));
      }
    }
  }

  async #send(work: Work): Promise<boolean> {
    const { format, post, sign } = this.#webhook;
    // Receivers of this format sign the text that they get when they write the body down again.
    const body = format === 'TWENTY' ? JSON.stringify(JSON.parse(work.body)) : work.body;
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Relvar-Webhook/1',
      ...sign({ id: work.message_id, body }),
    };
    let answer: Answer;
    try {
      answer = await post(headers, body);
    } catch (error) {
      // Told to stop: it is sent again by whoever comes next.
      this.#hasFailed = true;
      if (this.#lease.signal.aborted) return false;
      throw error;
    }
    const { status, error, ms, retryAfter } = answer;
    this.#tried.add(work);
    this.#results.push({
      ...described(work),
      isTried: true,
      status,
      error,
      ms,
      retryAfter,
      request: { headers: masked(headers), body: shown(format === 'TWENTY' ? withoutAddress(body) : body) },
      response: { headers: answer.headers, body: shown(answer.body) },
    });
    if (error !== null) this.#hasFailed = true;
    this.#failuresInARow = error === null ? 0 : this.#failuresInARow + 1;
    if (this.#failuresInARow >= FAILURES_IN_A_ROW || status === 410 || retryAfter !== null) this.#isStopped = true;
    return error === null;
  }

  #mustStop = () => this.#isStopped || this.#lease.signal.aborted;

  /** The cursor stands behind the last before which nothing is left to try. */
  #lastBeforeUntried(): Work | undefined {
    const events = this.#work.filter(({ position }) => position !== null);
    const untried = events.findIndex((each) => !this.#tried.has(each));
    return untried === -1 ? events.at(-1) : events[untried - 1];
  }

  /** While others are still on their way, so that a process that dies has little to send twice. */
  #noteSoon(): void {
    if (this.#results.length === 0) return;
    this.#isNoting = this.#isNoting
      .then(() => this.#note([null, null, false, null, null]))
      .then((goesOn) => {
        if (!goesOn) this.#isStopped = true;
        return goesOn;
      });
    // Whoever waits for it at the end is told; until then it is no unhandled rejection.
    this.#isNoting.catch(() => (this.#isStopped = true));
  }

  async #note(cursor: Cursor): Promise<boolean> {
    const results = this.#results.splice(0);
    const { engine, worker } = this.#lease;
    const { rows } = await engine.query<{ more: boolean }>({
      name: 'note webhook results',
      text: 'select engine.note_webhook_results($1, $2, $3, $4, $5, $6, $7, $8) as more',
      values: [this.#webhook.id, worker, JSON.stringify(results), ...cursor],
    });
    return rows[0]!.more;
  }
}

const described = (work: Work) => ({
  delivery: work.delivery_id,
  kind: work.kind,
  id: work.message_id,
  type: work.event_type,
  object: work.object_id,
  record: work.record_id,
  batch: work.batch,
  seq: work.seq,
});

/** As JSON in the database can hold it. */
const shown = (text: string) => text.slice(0, LOGGED_LENGTH).toWellFormed().replaceAll('\0', '');

/** This format says in the body where it is sent to, and addresses hold keys as often as not. */
const withoutAddress = (body: string) =>
  body.replace(/("targetUrl":"https?:\/\/)(?:[^"/@]*@)?([^"/?#]*)[^"]*/, '$1$2/…');

const masked = (headers: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      name.endsWith('signature') ? value.replaceAll(/(^|,| )([A-Za-z0-9+/=]{6})[A-Za-z0-9+/=]+/g, '$1$2…') : value,
    ]),
  );
