import { Fragment } from 'react';
import { COMMAND_KEY } from './keys.ts';
import classes from './Keys.module.css';
import { t } from '../language/t.ts';

const NAMES: { [key: string]: string } = { Mod: COMMAND_KEY, Shift: '⇧', Escape: t('Esc'), Meta: '⌘' };

const nameOf = (key: string): string => NAMES[key] ?? (/^[a-z]$/.test(key) ? key.toUpperCase() : key);

/** Keys as they stand on a keyboard: those of one stroke side by side, with "then" between strokes. */
export function Keys({ keys }: { keys: string }) {
  return (
    <span className={classes.keys}>
      {keys.split(' ').map((stroke, index) => (
        <Fragment key={index}>
          {index > 0 ? <span className={classes.then}>{t('then')}</span> : null}
          {stroke.split('+').map((key) => (
            <kbd key={key}>{nameOf(key)}</kbd>
          ))}
        </Fragment>
      ))}
    </span>
  );
}
