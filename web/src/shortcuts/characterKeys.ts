import { create } from 'zustand';

const KEY = 'relvar.characterKeys';

function kept(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}

/** Whether single letters and signs do something. Who dictates, or hits keys by mistake, turns them off in this browser. */
export const useCharacterKeys = create<{ areOn: boolean }>(() => ({ areOn: kept() }));

export function setCharacterKeys(areOn: boolean): void {
  useCharacterKeys.setState({ areOn });
  try {
    localStorage.setItem(KEY, areOn ? 'on' : 'off');
  } catch {
    // Storage is blocked: the choice holds until the page is left.
  }
}
