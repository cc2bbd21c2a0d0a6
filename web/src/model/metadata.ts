import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { parsed } from './calls.ts';
import { useSession } from '../session/session.ts';
import { readingOnly, type Permissions } from './permissions.ts';
import { useModelStore } from './store.ts';
import type { Model } from './types.ts';

const MODEL = gql<
  { model: Model | string; myPermissions: Permissions | string; logPosition: string },
  Record<string, never>
>(`query Model { model myPermissions logPosition }`);

let running: Promise<void> | null = null;
let again = false;

async function load(): Promise<void> {
  const { model, myPermissions, logPosition } = await requestMetadata(MODEL, {});
  const permissions = parsed(myPermissions);
  const looksOnly = Boolean(useSession.getState().identity?.seeing);
  useModelStore.getState().setModel(parsed(model), looksOnly ? readingOnly(permissions) : permissions, logPosition);
}

/** Reads the model anew. Calls that come while one is under way share a single further read. */
export async function refreshModel(): Promise<void> {
  if (running) {
    again = true;
    return running;
  }
  running = (async () => {
    try {
      do {
        again = false;
        await load();
      } while (again);
    } finally {
      running = null;
    }
  })();
  return running;
}

async function change(text: string, input: { [name: string]: unknown }): Promise<void> {
  await requestMetadata(gql<unknown, { input: { [name: string]: unknown } }>(text), { input });
  await refreshModel();
}

export interface NewObject {
  labelSingular: string;
  labelPlural: string;
  nameSingular?: string;
  namePlural?: string;
  description?: string;
  icon?: string;
  color?: string;
}

export const createObject = (input: NewObject): Promise<void> =>
  change('mutation CreateObject($input: CreateObjectInput!) { createObject(input: $input) { clientMutationId } }', {
    ...input,
  });
