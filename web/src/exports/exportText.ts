import { formatInstant } from '../model/dates.ts';
import { countText, decimalText } from '../model/formats.ts';
import { recurrenceText } from '../model/recurrence.ts';
import type { ExportRun, ScheduledExport } from './scheduled.ts';
import { t } from '../language/t.ts';

/** To whom it goes, in a few words. */
export function destinationText({ destination, recipients, recipientNames, bucket }: ScheduledExport): string {
  if (destination === 'S3') return t('into the bucket {bucket}', { bucket: bucket?.bucket ?? '' });
  const names = recipients.flatMap((id) => recipientNames[id] ?? []);
  if (names.length > 2) return t('by e-mail to {count} members', { count: countText(names.length) });
  return t('by e-mail to {names}', { names: names.join(', ') });
}

export const timesText = ({ recurrence, nextAt, isActive }: ScheduledExport): string =>
  !isActive
    ? recurrenceText(recurrence)
    : nextAt === null
      ? t('It has come for the last time.')
      : t('{recurrence}, next on {moment}', { recurrence: recurrenceText(recurrence), moment: formatInstant(nextAt) });

/** What became of a run. */
export function runText({ state, rows, failure }: ExportRun): string {
  if (state === 'WAITING') return t('Waits for its turn');
  if (state === 'RUNNING') return t('Is being made');
  if (state === 'FAILED') return failure?.message ?? t('Failed');
  return t('{count, plural, one {# record} other {# records}}', { count: rows ?? 0 });
}

export function sizeText(bytes: number): string {
  if (bytes < 1_000_000) return t('{count} kB', { count: countText(Math.max(1, Math.round(bytes / 1000))) });
  return t('{count} MB', { count: decimalText(bytes / 1_000_000, 1) });
}
