import { formatRelative, splitInstant } from '../model/dates.ts';
import { timeOfDay } from '../model/formats.ts';
import { t } from '../language/t.ts';

const wait = (count: number): string => (count === 1 ? t('One change waits') : t('{count} changes wait', { count }));

export function awayText(since: Date, count: number): string {
  const at = timeOfDay(splitInstant(since.toISOString()).time);
  return count === 0
    ? t('The server cannot be reached since {at}. What you change is kept in this browser and sent when it is back.', {
        at,
      })
    : t('The server cannot be reached since {at}. {count} in this browser to be sent when it is back.', {
        at,
        count: wait(count),
      });
}

export const sendingText = (count: number): string =>
  count === 1 ? t('One change is being sent.') : t('{count} changes are being sent.', { count });

export const stuckText = (count: number): string =>
  count === 1
    ? t('One change could not be sent as it is.')
    : t('{count} changes could not be sent as they are.', { count });

export const madeText = (madeAt: string): string => t('Made {madeAt}', { madeAt: formatRelative(madeAt) });

export const leavingText = (count: number): string =>
  count === 1
    ? t('One change was not sent yet. It stays in this browser, and is sent when you sign in here again.')
    : t('{count} changes were not sent yet. They stay in this browser, and are sent when you sign in here again.', {
        count,
      });
