import { formatInstant, formatRelative } from '../model/dates.ts';
import classes from './timeline.module.css';

export function EntryTime({ at }: { at: string }) {
  return (
    <time className={classes.time} dateTime={at} title={formatInstant(at)}>
      {formatRelative(at)}
    </time>
  );
}
