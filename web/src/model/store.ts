import { create } from 'zustand';
import type { Model } from './types.ts';

interface ModelState {
  model: Model | null;
  setModel: (model: Model) => void;
  clear: () => void;
}

/** The model changes while people work: every screen reads it here and follows. An older answer never replaces a newer one. */
export const useModelStore = create<ModelState>((set, get) => ({
  model: null,
  setModel: (model) => {
    const current = get().model;
    if (current?.workspace.id === model.workspace.id && current.version > model.version) return;
    set({ model });
  },
  clear: () => set({ model: null }),
}));

export function useModel(): Model {
  const model = useModelStore((state) => state.model);
  if (!model) throw new Error('The model is read before it is loaded.');
  return model;
}
