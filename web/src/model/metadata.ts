import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { parsed } from './calls.ts';
import { pageOf, useSession } from '../session/session.ts';
import { settled } from '../app/settled.ts';
import { keepModel, keptModel } from './keptModel.ts';
import { readingOnly, type Permissions } from './permissions.ts';
import { useModelStore } from './store.ts';
import type { Model } from './types.ts';

const MODEL = gql<
  { model: Model | string; myPermissions: Permissions | string; logPosition: string },
  Record<string, never>
>(`query Model { model myPermissions logPosition }`);

/** All of it but the model itself, for who has that already. */
const VERSION = gql<
  { modelVersion: string; myPermissions: Permissions | string; logPosition: string },
  Record<string, never>
>(`query Version { modelVersion myPermissions logPosition }`);

let running: Promise<void> | null = null;
let again = false;
/** As the server gave it: what the screens have is in their language. */
let last: Model | null = null;

function take(model: Model, myPermissions: Permissions | string, logPosition: string): void {
  last = model;
  const permissions = parsed(myPermissions);
  const looksOnly = Boolean(useSession.getState().identity?.seeing);
  useModelStore.getState().setModel(model, looksOnly ? readingOnly(permissions) : permissions, logPosition);
}

const here = (): string | null => pageOf(useSession.getState().identity);

async function load(): Promise<void> {
  const member = here();
  const answer = await requestMetadata(MODEL, {});
  const model = parsed(answer.model);
  take(model, answer.myPermissions, answer.logPosition);
  void settled.then(() => {
    if (member !== null && member === here()) keepModel(member, model);
  });
}

/** The model that this page or this browser has, if the server says that it is the one: a small answer. */
export async function confirmModel(): Promise<void> {
  const { identity } = useSession.getState();
  const member = here();
  const known = useModelStore.getState().whole ? last : member === null ? null : keptModel(member);
  if (!identity || known?.workspace.id !== identity.workspace.id) return refreshModel();
  const { modelVersion, myPermissions, logPosition } = await requestMetadata(VERSION, {});
  if (String(known.version) !== modelVersion) return refreshModel();
  // A workspace has another name without another model.
  take({ ...known, workspace: identity.workspace }, myPermissions, logPosition);
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
