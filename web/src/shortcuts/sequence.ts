import { create } from 'zustand';

/** The first key of two, while the second is waited for. */
export const useSequence = create<{ first: string | null }>(() => ({ first: null }));

const WAIT_MS = 4000;
let timer: ReturnType<typeof setTimeout> | undefined;

export function beginSequence(first: string): void {
  useSequence.setState({ first });
  clearTimeout(timer);
  timer = setTimeout(endSequence, WAIT_MS);
}

export function endSequence(): void {
  clearTimeout(timer);
  useSequence.setState({ first: null });
}
