import { getArgumentValues, getOperationAST, getVariableValues, GraphQLError } from 'postgraphile/graphql';
import type { DocumentNode } from 'postgraphile/graphql';
import type { Pool } from 'pg';
import type { Identities, Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import { explainErrors, explainInvalidDocument } from '../gateway/graphqlErrors.ts';
import type { AnswerError } from '../gateway/graphqlErrors.ts';
import type { Body, Endpoint } from '../gateway/handler.ts';
import type { Models } from '../gateway/models.ts';
import { findDocument } from '../gateway/operation.ts';
import { log } from '../log.ts';
import type { IdentityNotice, Notices } from '../notices/notices.ts';
import { Changes, viewOf } from './changes.ts';
import { ChangesSource, Feed } from './feed.ts';
import type { Wanted } from './feed.ts';
import { Latest } from './latest.ts';
import { matchingRecords, namesIn } from './matching.ts';
import { Presence } from './presence.ts';
import { ReadableObjectsCache, rightsOf } from './readableObjects.ts';
import { Projections } from './selection.ts';
import { Subscription } from './subscription.ts';
import type { Client } from './subscription.ts';

/** How often a client is looked at: whether it is there and takes what is sent, and whether its session lives. */
const BEAT_MS = 15_000;

interface LiveOptions {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly models: Models;
  readonly notices: Notices;
  readonly records: Endpoint;
}

/** An open connection, by whatever protocol. */
export interface LiveClient extends Client {
  /** Who it is now: sessions end and roles change while it is open. */
  again: () => Identity | Promise<Identity>;
  readonly subscriptions: Set<Subscription>;
  /** What it may read, as it was when it was told of changes last. */
  rights?: string;
  beat: () => void;
  /** Ends it, and says why. */
  end: (reason: 'signed out' | 'going away') => void;
}

/** What cannot be subscribed to, with the errors that say why. */
export class Refused extends Error {
  readonly errors: readonly AnswerError[];

  constructor(errors: readonly AnswerError[]) {
    super(errors[0]?.message);
    this.errors = errors;
  }
}

interface Asked {
  readonly document: DocumentNode;
  readonly field: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly subscription: Subscription;
  readonly selects: (name: string) => boolean;
}

/**
 * Subscriptions. The one connection that listens says which workspace's log has grown; it is read once for all that see
 * the same, by who they are, and each subscription takes its part of that at the pace of its client.
 */
export class Live {
  readonly #options: LiveOptions;
  readonly #clients = new Set<LiveClient>();
  readonly #feeds = new Map<string, Feed>();
  /** Who waits for a sign of a workspace, by its kind. */
  readonly #signs = new Map<string, Map<Subscription, Latest>>();
  readonly #changes: Changes;
  readonly #readable: ReadableObjectsCache;
  readonly #presence: Presence;
  readonly #projections = new Projections();
  readonly #beat: NodeJS.Timeout;

  constructor(options: LiveOptions) {
    this.#options = options;
    const { pool, notices } = options;
    this.#changes = new Changes(pool);
    this.#readable = new ReadableObjectsCache(pool);
    this.#presence = new Presence(pool, this.#changes);
    notices.on('records', (events) => {
      for (const workspace of new Set(events.map((event) => event.workspace))) this.#advance(workspace);
    });
    notices.on('views', ({ workspace }) => this.#give(`views ${workspace}`, { noticedAt: new Date().toISOString() }));
    // That there is something, and no more: what may be shown follows from the rights that a page asks with.
    notices.on('notifications', ({ workspace, members }) => {
      for (const member of members)
        this.#give(`notifications ${workspace} ${member}`, { noticedAt: new Date().toISOString() });
    });
    notices.on('presence', (notice) => this.#presence.note(notice));
    notices.on('model', ({ workspace, version }) => {
      this.#give(`model ${workspace}`, { version });
      this.#renewWhere(({ workspaceId }) => workspaceId === workspace, version);
    });
    notices.on('identity', (notice) => {
      if (notice.teams) void this.#tellTeams(notice.workspace);
      else this.#renewWhere((identity) => concerns(notice, identity));
    });
    // What was said meanwhile nobody heard; the log has it.
    notices.on('resumed', () => this.#lookEverywhere());
    this.#beat = setInterval(() => this.#beatAll(), BEAT_MS);
    this.#beat.unref();
  }

  get size(): number {
    return this.#clients.size;
  }

  add(client: LiveClient): void {
    this.#clients.add(client);
  }

  remove(client: LiveClient): void {
    this.#clients.delete(client);
    for (const subscription of client.subscriptions) subscription.close();
  }

  stop(): void {
    clearInterval(this.#beat);
    for (const client of this.#clients) client.end('going away');
  }

  /** Subscribes a client to what a document asks; throws `Refused`. `after` goes before what the document says. */
  async subscribe(client: LiveClient, body: Body, requestId: string, after?: string): Promise<Subscription> {
    const asked = await this.#understand(client, body);
    const { subscription, field, values } = asked;
    try {
      const { workspaceId } = client.identity;
      if (field === 'modelChanged') {
        const { version } = await this.#options.models.atLeast(workspaceId, 0, Date.now());
        subscription.from(this.#wait(`model ${workspaceId}`, subscription, { version }));
      } else if (field === 'viewsChanged') subscription.from(this.#wait(`views ${workspaceId}`, subscription, null));
      else if (field === 'notificationsChanged') {
        const sign = `notifications ${workspaceId} ${client.identity.memberId}`;
        subscription.from(this.#wait(sign, subscription, null));
      } else if (field === 'presence') {
        const { object, recordId } = values as { object: string; recordId: string };
        subscription.from(await this.#presence.watch(subscription, object, recordId));
      } else subscription.from(await this.#changesFor(asked, client, requestId, after));
    } catch (error) {
      if (error instanceof Refused) throw error;
      throw new Refused(await this.#explain(client, asked, error as Error, requestId));
    }
    client.subscriptions.add(subscription);
    subscription.onClose(() => client.subscriptions.delete(subscription));
    return subscription;
  }

  async #understand(client: LiveClient, { query, operationName, variables = {} }: Body): Promise<Asked> {
    const { records } = this.#options;
    const { instance, version } = await records.acquire(client.identity, 0);
    const served = {
      ...records,
      workspaceId: client.identity.workspaceId,
      instance,
      version,
      settings: records.settings(client.identity, ''),
    };
    const found = await findDocument(served, query);
    if (!('document' in found)) throw new Refused(explainInvalidDocument(found));
    const { document } = found;
    const operation = getOperationAST(document, operationName);
    if (operation?.operation !== 'subscription') {
      throw refusal('INVALID_REQUEST', 'A stream carries subscriptions. Send queries and mutations with POST.');
    }
    const { schema } = instance;
    const { coerced, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
    if (errors) throw new Refused(explainInvalid(errors));
    const root = schema.getSubscriptionType()!;
    const { key, node, projection, selects } = this.#projections.of(document, operation, root, coerced);
    const subscription = new Subscription(client, document, key, projection);
    if (node.name.value === '__typename')
      throw refusal('INVALID_REQUEST', 'There is nothing to wait for in __typename.');
    let values: Record<string, unknown>;
    try {
      values = getArgumentValues(root.getFields()[node.name.value]!, node, coerced);
    } catch (error) {
      throw new Refused(explainInvalid([error as GraphQLError]));
    }
    return { document, field: node.name.value, values, subscription, selects };
  }

  #wait(sign: string, subscription: Subscription, now: object | null): Latest {
    const waiting = this.#signs.get(sign) ?? new Map<Subscription, Latest>();
    this.#signs.set(sign, waiting);
    const latest = new Latest(now, {
      close: () => {
        waiting.delete(subscription);
        if (waiting.size === 0) this.#signs.delete(sign);
      },
    });
    waiting.set(subscription, latest);
    return latest;
  }

  #give(sign: string, value: object): void {
    for (const [subscription, latest] of this.#signs.get(sign) ?? []) {
      latest.put(value);
      subscription.wake();
    }
  }

  async #changesFor(
    { subscription, values, selects }: Asked,
    client: LiveClient,
    requestId: string,
    lastEventId?: string,
  ): Promise<ChangesSource> {
    const { ids, filter, object = null } = values as { object?: string; ids?: string[]; filter?: unknown };
    const after = lastEventId ?? (values['after'] as string | undefined) ?? null;
    if (after !== null && !/^\d{1,15}(\.\d{1,9})?$/.test(after)) {
      throw refusal(
        'INVALID_REQUEST',
        `"${after.slice(0, 40)}" is not a position.`,
        'Give the "position" of the last change that was received.',
      );
    }
    if (object === null && (ids || filter)) {
      throw refusal('INVALID_REQUEST', 'Records and filters are of one object.', 'Say which with "object".');
    }
    const wanted: Wanted = {
      object,
      ids: ids ? new Set(ids) : null,
      filter: filter ? await this.#filter(client, object!, filter, requestId) : null,
      withRecords: selects('record'),
    };
    const readable = await this.#readableBy(client.identity);
    client.rights ??= rightsOf(readable);
    if (object !== null && !readable.has(object)) {
      throw refusal(
        'FORBIDDEN',
        `There is no object "${object.slice(0, 60)}", or your role may not read it.`,
        'Give the singular API name, such as person.',
      );
    }
    const feed = await this.#feedOf(client.identity.workspaceId, subscription);
    return new ChangesSource({
      feed,
      wanted,
      after,
      identity: () => client.identity,
      readable: (identity) => this.#readableBy(identity),
      close: () => this.#leave(feed, subscription),
    });
  }

  /** The records that fulfil a filter are found as by any query: under the caller's role, by the same words. */
  async #filter(client: LiveClient, object: string, filter: unknown, requestId: string): Promise<Wanted['filter']> {
    const known = (await this.#readableBy(client.identity)).get(object);
    if (!known)
      throw refusal('FORBIDDEN', `There is no object "${object.slice(0, 60)}", or your role may not read it.`);
    if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) {
      throw refusal('INVALID_REQUEST', 'The filter must be an object, written as that of a list.');
    }
    const text = JSON.stringify(filter);
    const ask = async (ids: readonly string[]) => {
      const answer = await matchingRecords(this.#options.records, client.identity, known.plural, filter, ids);
      if (answer.errors)
        throw new Refused(await explainErrors(answer.errors, { ...this.#options.records, ...answer, requestId }));
      return answer.ids;
    };
    // What cannot be asked is refused now, not when something happens.
    await ask(['00000000-0000-0000-0000-000000000000']);
    return {
      names: namesIn(filter),
      matching: (ids) =>
        this.#changes.once(`filter ${viewOf(client.identity)} ${object} ${text} ${ids.join()}`, () => ask(ids)),
    };
  }

  async #feedOf(workspaceId: string, subscription: Subscription): Promise<Feed> {
    let feed = this.#feeds.get(workspaceId);
    if (!feed) {
      feed = new Feed(workspaceId, this.#changes);
      this.#feeds.set(workspaceId, feed);
    }
    feed.subscriptions.add(subscription);
    try {
      await feed.advance();
    } catch (error) {
      this.#leave(feed, subscription);
      throw error;
    }
    return feed;
  }

  #leave(feed: Feed, subscription: Subscription): void {
    feed.subscriptions.delete(subscription);
    if (feed.subscriptions.size === 0 && this.#feeds.get(feed.workspaceId) === feed)
      this.#feeds.delete(feed.workspaceId);
  }

  #advance(workspaceId: string): void {
    this.#feeds
      .get(workspaceId)
      ?.advance()
      .catch((error: Error) => log('the event log could not be looked at', { error: error.message }));
  }

  #lookEverywhere(): void {
    for (const workspace of this.#feeds.keys()) this.#advance(workspace);
    this.#presence.noteAll();
    for (const sign of this.#signs.keys()) {
      const [kind, workspace] = sign.split(' ') as [string, string];
      if (kind !== 'model') this.#give(sign, { noticedAt: new Date().toISOString() });
      else {
        this.#options.models.look(workspace).then(
          () => this.#give(sign, { version: this.#options.models.version(workspace) }),
          (error: Error) => log('cannot look at a model', { error: error.message }),
        );
      }
    }
  }

  #readableBy(identity: Identity, version = 0) {
    return this.#readable.of(identity, Math.max(version, this.#options.models.version(identity.workspaceId)));
  }

  #renewWhere(isMeant: (identity: Identity) => boolean, version?: number): void {
    for (const client of this.#clients) if (isMeant(client.identity)) void this.#renew(client, version);
  }

  /** A session may end, or get another role or view, and a role other rights, while its streams are open. */
  async #renew(client: LiveClient, version?: number): Promise<void> {
    try {
      const before = client.identity;
      client.identity = await client.again();
      let isOther = viewOf(before) !== viewOf(client.identity);
      if (client.rights !== undefined) {
        // What cannot be asked now is asked at the next beat.
        const rights = await this.#readableBy(client.identity, version).then(rightsOf, () => client.rights);
        isOther ||= rights !== client.rights;
        client.rights = rights!;
      }
      // What it was told, it was told as somebody else.
      if (isOther) for (const subscription of client.subscriptions) subscription.changed();
    } catch (error) {
      if (error instanceof RequestError) client.end('signed out');
    }
  }

  /** Rules, and what is shared, ask who is in which team. */
  async #tellTeams(workspace: string | undefined): Promise<void> {
    for (const client of this.#clients) {
      if (client.identity.workspaceId !== workspace || client.rights === undefined) continue;
      const objects = await this.#readableBy(client.identity).catch(() => null);
      if (objects && [...objects.values()].every(({ isWhole }) => isWhole)) continue;
      for (const subscription of client.subscriptions) subscription.changed();
    }
  }

  /** A notice may be lost, and nobody tells of a session that has run out. */
  #beatAll(): void {
    for (const client of this.#clients) {
      client.beat();
      void this.#renew(client);
    }
    for (const workspace of this.#feeds.keys()) this.#advance(workspace);
  }

  async #explain(client: LiveClient, asked: Asked, cause: Error, requestId: string): Promise<readonly AnswerError[]> {
    const { records } = this.#options;
    return explainErrors([new GraphQLError(cause.message, { originalError: cause })], {
      ...records,
      document: asked.document,
      variables: undefined,
      settings: records.settings(client.identity, requestId),
      requestId,
    });
  }
}

function refusal(code: 'INVALID_REQUEST' | 'FORBIDDEN', message: string, hint: string | null = null): Refused {
  return new Refused([{ message, extensions: { code, hint } }]);
}

const explainInvalid = (errors: readonly GraphQLError[]): AnswerError[] =>
  errors.map(({ message, locations }) => ({ message, locations, extensions: { code: 'INVALID_REQUEST', hint: null } }));

function concerns({ session, user, workspace, application, grant }: IdentityNotice, identity: Identity): boolean {
  return (
    identity.sessionId === session ||
    identity.userId === user ||
    identity.workspaceId === workspace ||
    identity.applicationId === application ||
    identity.grantId === grant
  );
}
