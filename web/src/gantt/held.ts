import { createStore } from 'zustand/vanilla';

/** What is under way on a timeline by mouse or finger: a bar that is moved, one that is drawn, or a day that something is put on. */
export type Held =
  | { kind: 'bar'; id: string; from: number; until: number }
  | { kind: 'new'; line: string; from: number; until: number }
  | { kind: 'day'; at: number }
  | null;

export const createHeld = () => createStore<{ held: Held }>(() => ({ held: null }));
export type HeldStore = ReturnType<typeof createHeld>;
