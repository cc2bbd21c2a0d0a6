import type { Change } from './queue.ts';
import { t } from '../language/t.ts';

/** Where changes are kept until the server has them. */
export interface Keep {
  list: (owner: string) => Promise<Change[]>;
  /** Gives the change its place in the order. */
  add: (change: Omit<Change, 'key'>) => Promise<Change>;
  put: (change: Change) => Promise<void>;
  remove: (key: number) => Promise<void>;
}

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error(t('The browser keeps nothing.')));
  });

/** On disk, so that neither a reload nor a crash of the browser loses what was acknowledged on screen. */
const DURABLE: IDBTransactionOptions = { durability: 'strict' };

async function open(): Promise<IDBDatabase> {
  const opening = indexedDB.open('relvar', 1);
  opening.onupgradeneeded = () => {
    const changes = opening.result.createObjectStore('changes', { keyPath: 'key', autoIncrement: true });
    changes.createIndex('owner', 'owner');
  };
  const database = await done(opening);
  // Another tab has a newer version of this program.
  database.onversionchange = () => database.close();
  return database;
}

/** The browser's own store. Fails where the browser keeps nothing, as some do in private windows. */
export function browserKeep(): Keep {
  let database: Promise<IDBDatabase> | null = null;
  const store = async (mode: IDBTransactionMode): Promise<IDBObjectStore> => {
    database ??= open();
    try {
      return (await database).transaction('changes', mode, DURABLE).objectStore('changes');
    } catch (cause) {
      database = null;
      throw cause;
    }
  };
  const finished = (request: IDBRequest): Promise<void> =>
    new Promise((resolve, reject) => {
      const { transaction } = request;
      if (!transaction) return resolve();
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error(t('The browser keeps nothing.')));
    });
  return {
    list: async (owner) => {
      const found = (await done((await store('readonly')).index('owner').getAll(owner))) as Change[];
      return found.sort((a, b) => a.key - b.key);
    },
    add: async (change) => {
      const request = (await store('readwrite')).add(change);
      await finished(request);
      return { ...change, key: Number(request.result) };
    },
    put: async (change) => finished((await store('readwrite')).put(change)),
    remove: async (key) => finished((await store('readwrite')).delete(key)),
  };
}
