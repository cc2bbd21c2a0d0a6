import { t } from '../language/t.ts';
import { COMMAND_KEY } from './keys.ts';

const NAMES: { [key: string]: string } = { Mod: COMMAND_KEY, Shift: '⇧', Escape: t('Esc'), Meta: '⌘' };

/** A key as it stands on a keyboard. */
export const keyName = (key: string): string => NAMES[key] ?? (/^[a-z]$/.test(key) ? key.toUpperCase() : key);

/** Keys that are pressed at once or one after the other, in one line. */
export const strokeText = (keys: string): string => keys.split(/[+ ]/).map(keyName).join(' ');
