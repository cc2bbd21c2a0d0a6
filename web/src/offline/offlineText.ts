import { formatRelative, splitInstant } from '../model/dates.ts';
import { timeOfDay } from '../model/formats.ts';

const wait = (count: number): string => (count === 1 ? 'One change waits' : `${count} changes wait`);

export function awayText(since: Date, count: number): string {
  const at = timeOfDay(splitInstant(since.toISOString()).time);
  return count === 0
    ? `The server cannot be reached since ${at}. What you change is kept in this browser and sent when it is back.`
    : `The server cannot be reached since ${at}. ${wait(count)} in this browser to be sent when it is back.`;
}

export const sendingText = (count: number): string =>
  count === 1 ? 'One change is being sent.' : `${count} changes are being sent.`;

export const stuckText = (count: number): string =>
  count === 1 ? 'One change could not be sent as it is.' : `${count} changes could not be sent as they are.`;

export const madeText = (madeAt: string): string => `Made ${formatRelative(madeAt)}`;

export const leavingText = (count: number): string =>
  count === 1
    ? 'One change was not sent yet. It stays in this browser, and is sent when you sign in here again.'
    : `${count} changes were not sent yet. They stay in this browser, and are sent when you sign in here again.`;
