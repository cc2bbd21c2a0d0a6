import { countText } from '../model/formats.ts';
import { formatInstant } from '../model/dates.ts';
import { ask, perform } from '../model/calls.ts';
import { t } from '../language/t.ts';
import { withArticle } from '../model/names.ts';
import { notificationText } from '../language/standard.ts';

export interface Notification {
  id: string;
  kind: string;
  objectId: string | null;
  objectNamePlural: string | null;
  objectLabel: string | null;
  recordId: string | null;
  /** Null where the role may not read what the record is called. */
  label: string | null;
  commentId: string | null;
  excerpt: string | null;
  actorId: string | null;
  actorName: string | null;
  detail: { [name: string]: string | number | boolean | null };
  createdAt: string;
  readAt: string | null;
  archivedAt: string | null;
}

export interface NotificationPage {
  items: Notification[];
  /** Where the page after this one begins. */
  next: string | null;
}

export type Which = 'ALL' | 'UNREAD' | 'ARCHIVED';

export const askNotifications = (which: Which, kind: string | null, before: string | null): Promise<NotificationPage> =>
  ask(
    'myNotifications',
    { which: 'String', kinds: '[String]', before: 'UUID' },
    { which, kinds: kind === null ? null : [kind], before },
  );

/** Without ids all of them. */
export const markNotifications = (ids: string[] | null, isRead: boolean): Promise<number> =>
  perform('markNotifications', { ids, isRead });

/** Without ids all that were read. */
export const archiveNotifications = (ids: string[] | null, isArchived: boolean): Promise<number> =>
  perform('archiveNotifications', { ids, isArchived });

type MailChoice = 'NOW' | 'DIGEST' | 'OFF';

export interface NotificationSettings {
  frequency: 'DAILY' | 'HOURLY';
  hour: number;
  kinds: { kind: string; label: string; description: string; isInApp: boolean; mail: MailChoice }[];
}

const inWords = (settings: NotificationSettings): NotificationSettings => ({
  ...settings,
  kinds: settings.kinds.map((kind) => ({
    ...kind,
    label: notificationText(kind.label),
    description: notificationText(kind.description),
  })),
});

export const askSettings = async (): Promise<NotificationSettings | null> => {
  const settings = await ask<NotificationSettings | null>('myNotificationSettings');
  return settings && inWords(settings);
};

export const chooseNotification = async (
  kind: string,
  choice: { isInApp?: boolean; mail?: MailChoice },
): Promise<NotificationSettings> =>
  inWords(await perform<NotificationSettings>('chooseNotification', { kind, ...choice }));

export const chooseDigest = async (choice: { frequency?: string; hour?: number }): Promise<NotificationSettings> =>
  inWords(await perform<NotificationSettings>('chooseDigest', choice));

/** What a notification says, around the name of its record. */
export function wording({ kind, actorName, detail }: Notification): { before: string; after: string } {
  const who = actorName ?? t('Somebody');
  switch (kind) {
    case 'MENTION':
      return typeof detail['count'] === 'number'
        ? {
            before: t('{who} mentioned you in {detail} records', { who, detail: countText(detail['count']) }),
            after: '',
          }
        : { before: t('{who} mentioned you in', { who }), after: '' };
    case 'REPLY':
      return { before: t('{who} replied in', { who }), after: '' };
    case 'TASK_ASSIGNED':
      return typeof detail['count'] === 'number'
        ? {
            before: t('{who} assigned you {detail} tasks', { who, detail: countText(detail['count']) }),
            after: '',
          }
        : { before: t('{who} assigned you', { who }), after: '' };
    case 'TASK_DUE':
      if (detail['state'] === 'REMINDER')
        return {
          before: '',
          after:
            typeof detail['dueAt'] === 'string'
              ? t('is due {detail}', { detail: formatInstant(detail['dueAt']) })
              : t('is due soon'),
        };
      return { before: '', after: detail['state'] === 'OVERDUE' ? t('is overdue') : t('is due today') };
    case 'SHARED':
      return {
        before: t('{who} shared', { who }),
        after: detail['with'] ? t('with {detail}', { detail: detail['with'] }) : t('with you'),
      };
    case 'IMPORT_FINISHED':
      return detail['failure']
        ? {
            before: t('Your import of {detail} failed: {detail2}', {
              detail: detail['name'] ?? t('a file'),
              detail2: detail['failure'],
            }),
            after: '',
          }
        : {
            before: t('Your import of {detail} has ended. {detail2}', {
              detail: detail['name'] ?? t('a file'),
              detail2: importCounts(detail),
            }).trimEnd(),
            after: '',
          };
    case 'EXPORT_FAILED': {
      const values = { name: String(detail['name'] ?? ''), failure: String(detail['failure'] ?? '') };
      return {
        before: detail['isStopped']
          ? t('The export {name} was stopped: {failure}', values)
          : t('The export {name} failed: {failure}', values),
        after: '',
      };
    }
    case 'WEBHOOK_DISABLED':
      return {
        before: t('The webhook {detail} was switched off', { detail: detail['name'] ?? '' }).replace('  ', ' '),
        after: '',
      };
    case 'SYNC_ERROR':
      return {
        before: t('{detail} cannot be read any more', { detail: detail['name'] ?? t('A connected account') }),
        after: '',
      };
    default:
      return { before: t('Something happened to'), after: '' };
  }
}

const importCounts = ({ created, updated, rejected }: Notification['detail']): string =>
  [
    typeof created === 'number' ? t('{created} created', { created: countText(created) }) : '',
    typeof updated === 'number' ? t('{updated} updated', { updated: countText(updated) }) : '',
    typeof rejected === 'number' ? t('{rejected} rejected', { rejected: countText(rejected) }) : '',
  ]
    .filter(Boolean)
    .join(', ');

/** What is told of a record: its name, or what it is where its name may not be read. */
export const subject = (notification: Notification): string | null =>
  notification.recordId === null
    ? null
    : notification.label || (notification.objectLabel ? withArticle(notification.objectLabel) : t('a record'));

export interface Group {
  key: string;
  /** The latest first. */
  items: Notification[];
}

/** By day, and within a day by record, so that a lively discussion is one line. */
export function grouped(items: Notification[], dayOf: (instant: string) => string): { day: string; groups: Group[] }[] {
  const days: { day: string; groups: Group[] }[] = [];
  for (const item of items) {
    const day = dayOf(item.createdAt);
    let last = days.at(-1);
    if (last?.day !== day) days.push((last = { day, groups: [] }));
    const key = item.recordId ?? item.id;
    const group = last.groups.find((each) => each.key === key);
    if (group) group.items.push(item);
    else last.groups.push({ key, items: [item] });
  }
  return days;
}
