import type { ClientBase } from 'pg';

/**
 * A backend keeps the catalogue of every table it has touched, 0.5 to 2 MB for a workspace, until it
 * ends. So a connection serves this many workspaces and is then replaced. One that serves few of them
 * lives as long as the pool allows, and where there are hundreds, a connection's cost is shared by as
 * many requests as they take turns. The bench pool.memory holds what this comes to.
 */
const MAX_WORKSPACES = 32;

const touched = new WeakMap<ClientBase, Set<string>>();

/** Notes that a connection serves a search path; true when it has served enough of them. */
export function isSpent(client: ClientBase, searchPath: string): boolean {
  let paths = touched.get(client);
  if (!paths) touched.set(client, (paths = new Set()));
  paths.add(searchPath);
  return paths.size >= MAX_WORKSPACES;
}
