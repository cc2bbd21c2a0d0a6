import type { JobState } from './jobs.ts';
import { t } from '../../language/t.ts';

const TASKS: { [task: string]: string } = {
  database_logins__tidy: t('End database logins'),
  events__archive: t('Archive old history'),
  exports__due: t('Begin exports that are due'),
  exports__purge: t('Forget old exports'),
  exports__run: t('Make an export'),
  files__purge: t('Remove files that nothing holds'),
  impersonation__end: t('End acting as a member'),
  shares__end: t('End the share of a record'),
  imports__purge: t('Forget old imports'),
  imports__run: t('Import a file'),
  jobs__prune: t('Forget old jobs'),
  mail__purge: t('Forget old mails'),
  mail__send: t('Send a mail'),
  model__online: t('Change a large table'),
  model__purge: t('Drop deleted objects and fields'),
  notifications__assigned: t('Tell who was assigned'),
  notifications__mentioned: t('Tell who was mentioned'),
  notifications__shared: t('Tell with whom was shared'),
  notifications__due: t('Tell what is due'),
  notifications__remind: t('Remind of a task'),
  notifications__mail: t('Send notifications by mail'),
  notifications__purge: t('Forget old notifications'),
  oauth__purge: t('Forget old tokens of apps'),
  saml__refresh: t('Read metadata of SAML providers'),
  duplicates__scan: t('Look for duplicates'),
  duplicates__scans: t('Have duplicates looked for'),
  trash__purge: t('Look for old records in the trash'),
  trash__purge_workspace: t('Purge the trash'),
  webhooks__purge: t('Forget old deliveries of webhooks'),
};

/** What a task does; one that is not known here says so by its name. */
export function taskText(task: string): string {
  const known = TASKS[task];
  if (known !== undefined) return known;
  const words = task.replaceAll(/_+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const STATE_TEXTS: { [state in JobState]: string } = {
  RUNNING: t('Running'),
  WAITING: t('Waiting'),
  SCHEDULED: t('Later'),
  RETRYING: t('Trying again'),
  FAILED: t('Failed'),
};

const two = (text: string): string => text.padStart(2, '0');

/** The commonest schedules in words, any other as it is written. Times are UTC. */
export function scheduleText(schedule: string): string {
  const [minute = '', hour = '', ...rest] = schedule.split(' ');
  if (rest.join(' ') !== '* * *') return schedule;
  if (minute === '*' && hour === '*') return t('Each minute');
  const every = /^\*\/(\d+)$/.exec(minute)?.[1];
  if (every !== undefined && hour === '*') return t('Every {every} minutes', { every });
  if (!/^\d+$/.test(minute)) return schedule;
  if (hour === '*') return t('Each hour at :{minute}', { minute: two(minute) });
  return /^\d+$/.test(hour) ? t('Each day at {hour}:{minute} UTC', { hour: two(hour), minute: two(minute) }) : schedule;
}

export function durationText(milliseconds: number | null): string {
  if (milliseconds === null) return '–';
  if (milliseconds < 1_000) return t('{round} ms', { round: Math.round(milliseconds) });
  const seconds = milliseconds / 1_000;
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = seconds / 60;
  return minutes < 90 ? t('{round} min', { round: Math.round(minutes) }) : `${(minutes / 60).toFixed(1)} h`;
}
