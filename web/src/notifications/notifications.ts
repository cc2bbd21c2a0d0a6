import { formatInstant } from '../model/dates.ts';
import { ask, perform } from '../model/calls.ts';

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
  detail: { [name: string]: string | number | null };
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

export const askSettings = (): Promise<NotificationSettings | null> => ask('myNotificationSettings');

export const chooseNotification = (
  kind: string,
  choice: { isInApp?: boolean; mail?: MailChoice },
): Promise<NotificationSettings> => perform('chooseNotification', { kind, ...choice });

export const chooseDigest = (choice: { frequency?: string; hour?: number }): Promise<NotificationSettings> =>
  perform('chooseDigest', choice);

/** What a notification says, around the name of its record. */
export function wording({ kind, actorName, detail }: Notification): { before: string; after: string } {
  const who = actorName ?? 'Somebody';
  switch (kind) {
    case 'MENTION':
      return typeof detail['count'] === 'number'
        ? { before: `${who} mentioned you in ${detail['count'].toLocaleString('en')} records`, after: '' }
        : { before: `${who} mentioned you in`, after: '' };
    case 'REPLY':
      return { before: `${who} replied in`, after: '' };
    case 'TASK_ASSIGNED':
      return typeof detail['count'] === 'number'
        ? { before: `${who} assigned you ${detail['count'].toLocaleString('en')} tasks`, after: '' }
        : { before: `${who} assigned you`, after: '' };
    case 'TASK_DUE':
      if (detail['state'] === 'REMINDER')
        return {
          before: '',
          after: typeof detail['dueAt'] === 'string' ? `is due ${formatInstant(detail['dueAt'])}` : 'is due soon',
        };
      return { before: '', after: detail['state'] === 'OVERDUE' ? 'is overdue' : 'is due today' };
    case 'SHARED':
      return { before: `${who} shared`, after: detail['with'] ? `with ${detail['with']}` : 'with you' };
    case 'IMPORT_FINISHED':
      return detail['failure']
        ? { before: `Your import of ${detail['name'] ?? 'a file'} failed: ${detail['failure']}`, after: '' }
        : {
            before: `Your import of ${detail['name'] ?? 'a file'} has ended. ${importCounts(detail)}`.trimEnd(),
            after: '',
          };
    case 'WEBHOOK_DISABLED':
      return { before: `The webhook ${detail['name'] ?? ''} was switched off`.replace('  ', ' '), after: '' };
    case 'SYNC_ERROR':
      return { before: `${detail['name'] ?? 'A connected account'} cannot be read any more`, after: '' };
    default:
      return { before: 'Something happened to', after: '' };
  }
}

const importCounts = ({ created, updated, rejected }: Notification['detail']): string =>
  [
    typeof created === 'number' ? `${created.toLocaleString('en')} created` : '',
    typeof updated === 'number' ? `${updated.toLocaleString('en')} updated` : '',
    typeof rejected === 'number' ? `${rejected.toLocaleString('en')} rejected` : '',
  ]
    .filter(Boolean)
    .join(', ');

/** What is told of a record: its name, or what it is where its name may not be read. */
export const subject = (notification: Notification): string | null =>
  notification.recordId === null
    ? null
    : notification.label || `a ${notification.objectLabel?.toLowerCase() ?? 'record'}`;

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
