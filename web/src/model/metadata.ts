import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { useModelStore } from './store.ts';
import type { FieldOption, FieldType, Model } from './types.ts';

const MODEL = gql<{ model: Model | string }, Record<string, never>>(`query Model { model }`);

let running: Promise<void> | null = null;
let again = false;

async function load(): Promise<void> {
  const { model: answer } = await requestMetadata(MODEL, {});
  const model = typeof answer === 'string' ? (JSON.parse(answer) as Model) : answer;
  for (const object of model.objects) {
    object.aliases ??= [];
    object.rules ??= [];
    object.indexes ??= [];
    for (const field of object.fields) field.aliases ??= [];
  }
  useModelStore.getState().setModel(model);
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

export interface NewField {
  objectId: string;
  label: string;
  type: FieldType;
  name?: string;
  description?: string;
  icon?: string;
  settings?: { [name: string]: unknown };
  options?: FieldOption[];
  defaultValue?: unknown;
  isRequired?: boolean;
  isUnique?: boolean;
  targetObjectId?: string;
  inverseLabel?: string;
}

export const createField = (input: NewField): Promise<void> =>
  change('mutation CreateField($input: CreateFieldInput!) { createField(input: $input) { clientMutationId } }', {
    ...input,
  });

export interface ObjectPatch {
  labelSingular?: string;
  labelPlural?: string;
  description?: string;
  icon?: string;
  color?: string;
  isActive?: boolean;
}

export const updateObject = (id: string, patch: ObjectPatch): Promise<void> =>
  change('mutation UpdateObject($input: UpdateObjectInput!) { updateObject(input: $input) { clientMutationId } }', {
    id,
    patch,
  });

export interface FieldPatch {
  label?: string;
  description?: string;
  icon?: string;
  options?: FieldOption[];
  isActive?: boolean;
}

export const updateField = (id: string, patch: FieldPatch): Promise<void> =>
  change('mutation UpdateField($input: UpdateFieldInput!) { updateField(input: $input) { clientMutationId } }', {
    id,
    patch,
  });
