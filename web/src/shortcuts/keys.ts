import { t } from '../language/t.ts';

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

export const COMMAND_KEY = isMac ? '⌘' : t('Ctrl');

/**
 * The shortcuts that hold wherever one is, or that a page says what they do on it: see useShortcut. Modifiers stand before a +, keys
 * that are pressed one after the other have a space between them. What they are for stands in texts.ts; a member has others: ownKeys.ts.
 */
export const SHORTCUTS = {
  command: 'Mod+k',
  search: '/',
  help: '?',
  create: 'c',
  notifications: 'n',
  undo: 'Mod+z',
  redo: 'Mod+Shift+z',
  print: 'Mod+p',
  'go.inbox': 'g i',
  'go.settings': 'g s',
  'go.tasks': 'g t',
  'view.filter': 'f',
  'record.next': 'j',
  'record.previous': 'k',
  'record.edit': 'e',
} as const;

export type ShortcutId = keyof typeof SHORTCUTS;

/** More keys are to follow. */
export const isFirstKey = (key: string, keys: string): boolean => keys.startsWith(`${key} `);

type Pressed = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey' | 'getModifierState'>;

/**
 * What was pressed, as SHORTCUTS writes it. Signs are what they are, whatever keys make them: the slash of a German keyboard is Shift+7.
 * Letters are those of the layout where it has Latin ones, and else those that stand at the same place of an English keyboard.
 */
export function keysOf(event: Pressed): string {
  const { key, code, ctrlKey, metaKey, altKey, shiftKey } = event;
  const place = /^Key([A-Z])$/.exec(code)?.[1];
  const name = place && /^\p{L}$/u.test(key) && !/\p{Script=Latin}/u.test(key) ? place : key;
  const isSign = name.length === 1 && name !== ' ' && !/[a-z]/i.test(name);
  // What makes the third sign of a key is Ctrl and Alt at once to some systems.
  const isThird = isSign && event.getModifierState('AltGraph');
  const modifiers = [
    (isMac ? metaKey : ctrlKey && !isThird) ? 'Mod+' : '',
    isMac && ctrlKey ? 'Ctrl+' : '',
    !isMac && metaKey ? 'Meta+' : '',
    altKey && !isThird ? 'Alt+' : '',
    shiftKey && !isSign ? 'Shift+' : '',
  ];
  return modifiers.join('') + (name.length === 1 ? name.toLowerCase() : name);
}
