import type { BenchDatabase, Workspace } from './database.ts';
import type { ServerProcess } from './serverProcess.ts';

/** What the screen's table asks for. */
export const LIST_PEOPLE = `query People($first: Int!) {
  people(first: $first, orderBy: [ID_DESC]) {
    nodes { id nameFirstName nameLastName emailsPrimaryEmail jobTitle city company { id name } }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** One API key for each of the workspaces. */
export async function makeKeys(database: BenchDatabase, workspaces: readonly Workspace[]): Promise<string[]> {
  const keys: string[] = [];
  for (const { slug } of workspaces) keys.push(await database.apiKey(slug));
  return keys;
}

/** Sends `total` requests, `concurrency` at a time, the keys taking turns. */
export async function askInTurn(
  server: ServerProcess,
  keys: readonly string[],
  total: number,
  concurrency: number,
): Promise<void> {
  let sent = 0;
  const work = async () => {
    while (sent < total) {
      const key = keys[sent++ % keys.length]!;
      await server.graphql('/graphql', key, LIST_PEOPLE, { first: 20 });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
}
