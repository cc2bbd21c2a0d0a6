import type { Identity } from '../auth/identity.ts';
import { log } from '../log.ts';
import { placeOf, viewOf } from './changes.ts';
import type { Change, Changes, Range } from './changes.ts';
import type { ReadableObjects } from './readableObjects.ts';
import type { Source, Subscription } from './subscription.ts';

/** Statements that are read at once: a client that comes back after an hour gets what it missed in parts. */
const PART = 50;

/** A client that is further back than so many statements loads what it shows sooner than it is told of each. */
const MAX_BEHIND = 5_000;

/** After so many statements of which a client was told nothing, it is told at least where it is. */
const SILENT = 500;

/** How far the log of one workspace can be read, and who waits for more. */
export class Feed {
  readonly workspaceId: string;
  readonly changes: Changes;
  readonly subscriptions = new Set<Subscription>();
  first = 1;
  last = 0;
  #touched: { range: Range; objects: ReadonlySet<string> } | undefined;
  #advancing: Promise<void> | null = null;
  #isAskedAgain = false;

  constructor(workspaceId: string, changes: Changes) {
    this.workspaceId = workspaceId;
    this.changes = changes;
  }

  /** Looks how far the log is now. Whoever asks meanwhile gets the answer to a question that was asked after it did. */
  advance(): Promise<void> {
    if (this.#advancing) {
      this.#isAskedAgain = true;
      return this.#advancing;
    }
    this.#advancing = this.#look().finally(() => {
      this.#advancing = null;
    });
    return this.#advancing;
  }

  async #look(): Promise<void> {
    do {
      this.#isAskedAgain = false;
      const after = this.last;
      const { first, last, objects } = await this.changes.positions(this.workspaceId, {
        after,
        until: Number.MAX_SAFE_INTEGER,
      });
      this.first = first;
      if (last === after) continue;
      this.last = last;
      this.#touched = { range: { after, until: last }, objects };
      for (const subscription of this.subscriptions) subscription.wake();
    } while (this.#isAskedAgain);
  }

  /** The objects of which something changed in a part of the log. */
  async touched(range: Range): Promise<ReadonlySet<string>> {
    const known = this.#touched;
    if (known && known.range.after <= range.after && known.range.until >= range.until) return known.objects;
    const key = `touched ${this.workspaceId} ${range.after} ${range.until}`;
    return (await this.changes.once(key, () => this.changes.positions(this.workspaceId, range))).objects;
  }
}

/** What one subscription to changes wants to know. */
export interface Wanted {
  readonly object: string | null;
  readonly ids: ReadonlySet<string> | null;
  readonly filter: {
    names: ReadonlySet<string>;
    matching: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  } | null;
  readonly withRecords: boolean;
}

interface Parts {
  readonly feed: Feed;
  readonly wanted: Wanted;
  readonly after: string | null;
  readonly identity: () => Identity;
  readonly readable: (identity: Identity) => Promise<ReadableObjects>;
  readonly close: () => void;
}

/** Follows the log for one subscription, as far as it may be told. */
export class ChangesSource implements Source {
  readonly #parts: Parts;
  /** Up to where the log was read. */
  #at: number;
  /** The place within a statement after which to go on. */
  #skipped: readonly [number, number] | null = null;
  #toldAt: number;
  /** That the client is told where it is, or that it does not know what happened. */
  #says: 'position' | 'resync' | null;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { after, feed } = parts;
    this.#at = feed.last;
    this.#says = after === null ? 'position' : null;
    if (after !== null) {
      const [position, seq] = placeOf(after);
      const isWhole = seq === Number.MAX_SAFE_INTEGER;
      this.#at = isWhole ? position : position - 1;
      if (!isWhole) this.#skipped = [position, seq];
      // One from before a backup was restored lies in the future.
      if (position > feed.last || this.#at + 1 < feed.first) this.#says = 'resync';
    }
    this.#toldAt = this.#at;
  }

  changed(): void {
    this.#says = 'resync';
  }

  take(): Promise<readonly object[]> | null {
    const { feed } = this.#parts;
    if (this.#says === null && feed.last - this.#at > MAX_BEHIND) this.#says = 'resync';
    if (this.#says !== null) {
      const action = this.#says;
      this.#says = null;
      if (action === 'resync') {
        this.#at = feed.last;
        this.#skipped = null;
      }
      return Promise.resolve([this.#mark(action)]);
    }
    return this.#at < feed.last ? this.#read() : null;
  }

  close(): void {
    this.#parts.close();
  }

  #mark(action: string): Change {
    this.#toldAt = this.#at;
    return { position: String(this.#at), action, object: null, recordId: null };
  }

  async #read(): Promise<readonly object[]> {
    const { feed, wanted, identity: who } = this.#parts;
    const range = { after: this.#at, until: Math.min(this.#at + PART, feed.last) };
    const identity = who();
    // Most want all of an object, or all that there is: whoever sees the same is told from the same list.
    const key = `told ${viewOf(identity)} ${identity.modelVersion} ${wanted.object ?? ''} ${wanted.withRecords} ${range.after} ${range.until}`;
    const changes = await feed.changes.once(key, () => this.#ask(identity, range));
    this.#at = range.until;
    if (changes === null) return [this.#mark('resync')];
    const told = await this.#ofWhatIsWanted(changes);
    if (told.length > 0) this.#toldAt = this.#at;
    else if (this.#at - this.#toldAt >= SILENT) return [this.#mark('position')];
    return told;
  }

  async #ask(identity: Identity, range: Range): Promise<readonly Change[] | null> {
    const { feed, wanted, readable } = this.#parts;
    const [objects, touched] = await Promise.all([readable(identity), feed.touched(range)]);
    const asked = [...objects.values()].filter(
      ({ id, singular, asksRelated }) =>
        (touched.has(id) || asksRelated) && (wanted.object === null || wanted.object === singular),
    );
    try {
      const parts = await Promise.all(
        [true, false].map((isWhole) => {
          const objectIds = asked.filter((object) => object.isWhole === isWhole).map(({ id }) => id);
          if (objectIds.length === 0) return [];
          return feed.changes.read(identity, range, {
            objectIds: objectIds.toSorted(),
            isWhole,
            withRecords: wanted.withRecords,
          });
        }),
      );
      return inOrder(parts);
    } catch (error) {
      // A workspace whose tables were too busy when Relvar was upgraded has no such function yet.
      if (!(error instanceof Error && 'code' in error && error.code === '42883')) throw error;
      log('a workspace cannot tell its changes until it is upgraded', { workspace: identity.schemaName });
      return null;
    }
  }

  async #ofWhatIsWanted(changes: readonly Change[]): Promise<readonly Change[]> {
    const { ids, filter } = this.#parts.wanted;
    const skipped = this.#skipped;
    this.#skipped = null;
    if (skipped === null && ids === null && filter === null) return changes;
    const wanted = changes.filter(
      ({ position, recordId }) =>
        (skipped === null || isLater(placeOf(position), skipped)) &&
        (ids === null || recordId === null || ids.has(recordId)),
    );
    if (!filter) return wanted;
    const there = wanted.filter(({ action, recordId }) => recordId !== null && !GONE.has(action));
    if (there.length === 0) return wanted;
    const matching = await filter.matching([...new Set(there.map(({ recordId }) => recordId!))]);
    return wanted.flatMap((change) => {
      if (change.recordId === null || GONE.has(change.action) || matching.has(change.recordId)) return change;
      // It may have been among them before; that it is not now is no secret of who does not see it.
      if (!change.changedFields?.some((name) => isNamed(filter.names, name))) return [];
      const { position, object, recordId, requestId } = change;
      return { position, action: 'removed', object, recordId, requestId: requestId ?? null };
    });
  }
}

const GONE: ReadonlySet<string> = new Set(['deleted', 'merged', 'destroyed', 'removed']);

/** A filter names columns, several of which may make one field: `nameFirstName` is of `name`. */
function isNamed(names: ReadonlySet<string>, field: string): boolean {
  for (const name of names) if (name === field || name.startsWith(field)) return true;
  return false;
}

const isLater = (one: readonly [number, number], other: readonly [number, number]): boolean =>
  one[0] > other[0] || (one[0] === other[0] && one[1] > other[1]);

function inOrder(parts: readonly (readonly Change[])[]): readonly Change[] {
  const changes = parts.flat();
  return changes.length < 2
    ? changes
    : changes
        .map((change) => ({ change, place: placeOf(change.position) }))
        .toSorted((a, b) => a.place[0] - b.place[0] || a.place[1] - b.place[1])
        .map(({ change }) => change);
}
