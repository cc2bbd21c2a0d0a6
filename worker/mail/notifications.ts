import type { Item } from './letter.ts';
import type { Context } from './templates.ts';
import { name } from './words.ts';

/** What one notification says, and where it leads. Names and texts are of members, so they are no links and no letters of their own. */
export function notificationItem(notification: unknown, { publicUrl }: Context): Item {
  const given = (notification ?? {}) as { [name: string]: unknown };
  const { objectNamePlural: plural, recordId, commentId, excerpt } = given;
  const url =
    typeof plural === 'string' && typeof recordId === 'string'
      ? `${publicUrl}/objects/${encodeURIComponent(plural)}/${encodeURIComponent(recordId)}${typeof commentId === 'string' ? `#comment-${encodeURIComponent(commentId)}` : ''}`
      : null;
  return { text: sentence(given), url, quote: typeof excerpt === 'string' ? name(excerpt, '', 160) || null : null };
}

function sentence({ kind, label, objectLabel, actorName, detail }: { [name: string]: unknown }): string {
  const who = name(actorName, 'Somebody');
  const what = name(label, `a ${name(objectLabel, 'record').toLowerCase()}`);
  const more = (detail ?? {}) as { [name: string]: unknown };
  switch (kind) {
    case 'MENTION':
      return typeof more['count'] === 'number'
        ? `${who} mentioned you in ${more['count']} records`
        : `${who} mentioned you in ${what}`;
    case 'REPLY':
      return `${who} replied in ${what}`;
    case 'TASK_ASSIGNED':
      return typeof more['count'] === 'number'
        ? `${who} assigned you ${more['count']} tasks`
        : `${who} assigned you ${what}`;
    case 'TASK_DUE':
      if (more['state'] === 'REMINDER') return `${what} is due soon`;
      return more['state'] === 'OVERDUE' ? `${what} is overdue` : `${what} is due today`;
    case 'SHARED':
      return typeof more['with'] === 'string'
        ? `${who} shared ${what} with ${name(more['with'], 'your team')}`
        : `${who} shared ${what} with you`;
    case 'IMPORT_FINISHED':
      return typeof more['failure'] === 'string'
        ? `Your import of ${name(more['name'], 'a file')} failed: ${name(more['failure'], 'for no reason that is known', 200)}`
        : [
            `Your import of ${name(more['name'], 'a file')} has ended`,
            ...['created', 'updated', 'rejected'].flatMap((did) =>
              typeof more[did] === 'number' ? `${more[did]} ${did}` : [],
            ),
          ].join(', ');
    case 'WEBHOOK_DISABLED':
      return `The webhook ${name(more['name'], '')} was switched off`.replace('  ', ' ');
    case 'SYNC_ERROR':
      return `${name(more['name'], 'A connected account')} cannot be read any more`;
    default:
      return `Something happened to ${what}`;
  }
}
