import { create } from 'zustand';
import { permitted, type Flag, type Permissions } from './permissions.ts';
import type { Model } from './types.ts';
import { modelInLanguage } from '../language/standard.ts';
import { t } from '../language/t.ts';

interface ModelState {
  /** All of it, for the settings. */
  whole: Model | null;
  /** What the role may read of it. */
  model: Model | null;
  permissions: Permissions | null;
  /** How far the event log went before any record was read: what happened after it is to be told. */
  logPosition: string | null;
  setModel: (model: Model, permissions: Permissions, logPosition: string) => void;
  clear: () => void;
}

/** The model changes while people work: every screen reads it here and follows. An older answer never replaces a newer one. */
export const useModelStore = create<ModelState>((set, get) => ({
  whole: null,
  model: null,
  permissions: null,
  logPosition: null,
  setModel: (given, permissions, position) => {
    const { whole: current, permissions: known, logPosition } = get();
    if (current?.workspace.id === given.workspace.id) {
      if (current.version > given.version) return;
      // Who reads it again to be sure draws nothing anew.
      if (current.version === given.version && JSON.stringify(known) === JSON.stringify(permissions)) return;
    }
    const whole = modelInLanguage(given);
    set({ whole, permissions, model: permitted(whole, permissions), logPosition: logPosition ?? position });
  },
  clear: () => set({ whole: null, model: null, permissions: null, logPosition: null }),
}));

export function useModel(): Model {
  const model = useModelStore((state) => state.model);
  if (!model) throw new Error(t('The model is read before it is loaded.'));
  return model;
}

/** For the settings, where people work on what their own role may not read, too. */
export function useWholeModel(): Model {
  const model = useModelStore((state) => state.whole);
  if (!model) throw new Error(t('The model is read before it is loaded.'));
  return model;
}

const has = (permissions: Permissions | null, flag: Flag): boolean => permissions?.flags.includes(flag) === true;

export const may = (flag: Flag): boolean => has(useModelStore.getState().permissions, flag);

export const useMay = (flag: Flag): boolean => useModelStore((state) => has(state.permissions, flag));
