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

/**
 * Sends `total` requests, `concurrency` at a time, the keys taking turns. Whoever has to wait too long for a
 * schema is told to try again, and does so after `pause`.
 */
export async function askInTurn(
  server: ServerProcess,
  keys: readonly string[],
  total: number,
  concurrency: number,
  pause?: () => Promise<void>,
): Promise<void> {
  let sent = 0;
  const work = async () => {
    while (sent < total) {
      const key = keys[sent++ % keys.length]!;
      for (;;) {
        try {
          await server.graphql('/graphql', key, LIST_PEOPLE, { first: 20 });
          break;
        } catch (error) {
          if (!pause || !(error as Error).message.includes('not being served yet')) throw error;
          await pause();
        }
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
}
