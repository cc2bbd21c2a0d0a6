import { formatDay } from '../model/dates.ts';
import { timeOfDay } from '../model/formats.ts';
import { DAY, atPlace, type Bar } from './bars.ts';
import { t } from '../language/t.ts';

/** When something is, as people read it. */
export function spanText(timed: boolean, { from, until, isPoint }: Pick<Bar, 'from' | 'until' | 'isPoint'>): string {
  const [first, last] = [atPlace(from), atPlace(timed ? until : until - DAY)];
  const day = formatDay(first.day);
  if (!timed) return first.day === last.day ? day : `${day} – ${formatDay(last.day)}`;
  if (isPoint) return `${day}, ${timeOfDay(first.time)}`;
  const end = first.day === last.day ? timeOfDay(last.time) : `${formatDay(last.day)}, ${timeOfDay(last.time)}`;
  return `${day}, ${timeOfDay(first.time)} – ${end}`;
}

/** What stands beside when it is: how many days, or what is wrong with it. */
export function lengthText(timed: boolean, { from, until, isPoint, isOpen, isBackward }: Bar): string | null {
  if (isBackward) return t('Ends before it begins');
  if (isOpen) return t('No end yet');
  if (isPoint || (timed && until - from < DAY)) return null;
  return t('{count, plural, one {# day} other {# days}}', { count: Math.round((until - from) / DAY) });
}
