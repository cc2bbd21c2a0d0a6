import { Fragment } from 'react';
import { keyName } from './strokeText.ts';
import classes from './Keys.module.css';
import { t } from '../language/t.ts';

/** Keys as they stand on a keyboard: those of one stroke side by side, with "then" between strokes. */
export function Keys({ keys }: { keys: string }) {
  return (
    <span className={classes.keys}>
      {keys.split(' ').map((stroke, index) => (
        <Fragment key={index}>
          {index > 0 ? <span className={classes.then}>{t('then')}</span> : null}
          {stroke.split('+').map((key) => (
            <kbd key={key}>{keyName(key)}</kbd>
          ))}
        </Fragment>
      ))}
    </span>
  );
}
