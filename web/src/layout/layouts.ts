import { useEffect, useMemo } from 'react';
import { gql } from 'urql';
import { create } from 'zustand';
import { requestMetadata } from '../api/client.ts';
import { onReconnect, onViews } from '../api/live.ts';
import { ask, parsed, run } from '../model/calls.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { useSession } from '../session/session.ts';
import { layoutOf, type Layout } from './layout.ts';
import { roleText } from '../language/standard.ts';

/** How pages are arranged for who looks, by the ids of objects; asked for once, and again when somebody arranges another way. */
const useStore = create<{ [viewer: string]: { [objectId: string]: Layout } }>(() => ({}));

// Whoever sees as another role is shown that role's.
const viewerOf = ({ identity }: ReturnType<typeof useSession.getState>): string =>
  JSON.stringify([identity?.member?.id, identity?.seeing]);

let round = 0;

async function loadLayouts(): Promise<void> {
  const key = viewerOf(useSession.getState());
  const mine = ++round;
  const layouts = await ask<{ [objectId: string]: Layout }>('myLayouts');
  if (mine === round) useStore.setState({ [key]: layouts });
}

/** Without an answer pages are as the model has them, rather than not at all. */
const load = (): void =>
  void loadLayouts().catch(() => {
    const key = viewerOf(useSession.getState());
    useStore.setState((all) => (all[key] ? {} : { [key]: {} }));
  });

let isFollowing = false;

/** From the first page of a record on, for every one that is opened later. */
function follow(): void {
  if (isFollowing) return;
  isFollowing = true;
  onViews(load);
  onReconnect(load);
}

/** How the page of an object's records is arranged; null until it is known. */
export function useLayout(model: Model, object: ModelObject): Layout | null {
  const viewer = useSession(viewerOf);
  const known = useStore((state) => state[viewer]);
  useEffect(() => {
    follow();
    if (!useStore.getState()[viewer]) load();
  }, [viewer]);
  return useMemo(() => (known ? layoutOf(model, object, known[object.id] ?? null) : null), [known, model, object]);
}

// ── for who arranges ───────────────────────────────────────────────────────────────────────────

export interface KeptLayout {
  /** Null: for everybody. */
  roleId: string | null;
  content: Layout;
  version: number;
}

interface Kept {
  layouts: { nodes: (Omit<KeptLayout, 'content'> & { content: Layout | string })[] };
  roles: { nodes: { id: string; name: string }[] };
}

const LAYOUTS = gql<Kept, { object: string }>(`query Layouts($object: UUID!) {
  layouts(filter: { objectId: { equalTo: $object } }) { nodes { roleId content version } }
  roles(orderBy: [NAME_ASC]) { nodes { id name } }
}`);

/** What is kept for an object, with the roles for which another can be made. */
export async function askLayouts(
  objectId: string,
): Promise<{ layouts: KeptLayout[]; roles: { id: string; name: string }[] }> {
  const { layouts, roles } = await requestMetadata(LAYOUTS, { object: objectId });
  return {
    layouts: layouts.nodes.map((each) => ({ ...each, content: parsed(each.content) })),
    roles: roles.nodes.map(({ id, name }) => ({ id, name: roleText(name) })),
  };
}

export async function saveLayout(
  objectId: string,
  content: Layout,
  roleId: string | null,
  seenVersion: number,
): Promise<void> {
  await run('saveLayout', { objectId, content, roleId, seenVersion });
  await loadLayouts();
}

export async function resetLayout(objectId: string, roleId: string | null): Promise<void> {
  await run('resetLayout', { objectId, roleId });
  await loadLayouts();
}
