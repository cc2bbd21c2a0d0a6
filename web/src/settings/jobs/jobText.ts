import type { JobState } from './jobs.ts';

const TASKS: { [task: string]: string } = {
  database_logins__tidy: 'End database logins',
  events__archive: 'Archive old history',
  files__purge: 'Remove files that nothing holds',
  impersonation__end: 'End acting as a member',
  shares__end: 'End the share of a record',
  imports__purge: 'Forget old imports',
  imports__run: 'Import a file',
  jobs__prune: 'Forget old jobs',
  mail__purge: 'Forget old mails',
  mail__send: 'Send a mail',
  model__online: 'Change a large table',
  model__purge: 'Drop deleted objects and fields',
  notifications__assigned: 'Tell who was assigned',
  notifications__mentioned: 'Tell who was mentioned',
  notifications__shared: 'Tell with whom was shared',
  notifications__due: 'Tell what is due',
  notifications__mail: 'Send notifications by mail',
  notifications__purge: 'Forget old notifications',
  oauth__purge: 'Forget old tokens of apps',
  saml__refresh: 'Read metadata of SAML providers',
  duplicates__scan: 'Look for duplicates',
  duplicates__scans: 'Have duplicates looked for',
  trash__purge: 'Look for old records in the trash',
  trash__purge_workspace: 'Purge the trash',
  webhooks__purge: 'Forget old deliveries of webhooks',
};

/** What a task does; one that is not known here says so by its name. */
export function taskText(task: string): string {
  const known = TASKS[task];
  if (known !== undefined) return known;
  const words = task.replaceAll(/_+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const STATE_TEXTS: { [state in JobState]: string } = {
  RUNNING: 'Running',
  WAITING: 'Waiting',
  SCHEDULED: 'Later',
  RETRYING: 'Trying again',
  FAILED: 'Failed',
};

const two = (text: string): string => text.padStart(2, '0');

/** The commonest schedules in words, any other as it is written. Times are UTC. */
export function scheduleText(schedule: string): string {
  const [minute = '', hour = '', ...rest] = schedule.split(' ');
  if (rest.join(' ') !== '* * *') return schedule;
  if (minute === '*' && hour === '*') return 'Each minute';
  const every = /^\*\/(\d+)$/.exec(minute)?.[1];
  if (every !== undefined && hour === '*') return `Every ${every} minutes`;
  if (!/^\d+$/.test(minute)) return schedule;
  if (hour === '*') return `Each hour at :${two(minute)}`;
  return /^\d+$/.test(hour) ? `Each day at ${two(hour)}:${two(minute)} UTC` : schedule;
}

export function durationText(milliseconds: number | null): string {
  if (milliseconds === null) return '–';
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = seconds / 60;
  return minutes < 90 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
}
