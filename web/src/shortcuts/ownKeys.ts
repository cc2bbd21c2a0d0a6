import { create } from 'zustand';
import { isFirstKey, SHORTCUTS, type ShortcutId } from './keys.ts';

/** Keys by shortcut, where they are others than the usual ones; none where a shortcut has no keys. */
export type OwnKeys = { [id: string]: string };

/** What the member has chosen. It is kept with the profile. */
export const useOwnKeys = create<{ own: OwnKeys }>(() => ({ own: {} }));

const ids = Object.keys(SHORTCUTS) as ShortcutId[];

export const keysFor = (id: ShortcutId, own: OwnKeys = useOwnKeys.getState().own): string => own[id] ?? SHORTCUTS[id];

const keyOf = (keys: string) => (id: ShortcutId) => keysFor(id) === keys;

export const shortcutOf = (keys: string): ShortcutId | undefined => (keys === '' ? undefined : ids.find(keyOf(keys)));

/** More keys are to follow: those of a shortcut, or after g the letter of an object. */
export const beginsMore = (key: string): boolean => key === 'g' || ids.some((id) => isFirstKey(key, keysFor(id)));

/** What a letter after g is taken for, beside the objects. */
export const isTakenAfterG = (letter: string): boolean => shortcutOf(`g ${letter}`) !== undefined;

/** What keys would stand against: a shortcut that has them, or whose first key they are, or the other way round. */
export function conflictOf(id: ShortcutId, keys: string, own: OwnKeys): ShortcutId | undefined {
  return ids.find((other) => {
    const theirs = keysFor(other, own);
    if (other === id || theirs === '') return false;
    return theirs === keys || isFirstKey(keys, theirs) || isFirstKey(theirs, keys);
  });
}

/** Own keys with others for one shortcut; what has its usual ones is not kept. */
export function withKeys(own: OwnKeys, id: ShortcutId, keys: string | null): OwnKeys {
  const { [id]: _, ...others } = own;
  return keys === null || keys === SHORTCUTS[id] ? others : { ...others, [id]: keys };
}

/** Keys that mean something to every page, table, text or browser: no shortcut takes them. */
const TAKEN = [
  /^(Shift\+)?(Tab|Enter|Escape| |Backspace|Delete|Insert|ContextMenu|Dead|Unidentified|Process)$/,
  /^(Mod\+|Alt\+|Shift\+|Ctrl\+|Meta\+)*(Arrow\w+|Home|End|PageUp|PageDown|F\d+)$/,
  /^Mod\+(Shift\+)?[acdvxwtnqlr]$/,
  /^(Meta|Ctrl)\+/,
];

export const isTaken = (stroke: string): boolean => TAKEN.some((pattern) => pattern.test(stroke));
