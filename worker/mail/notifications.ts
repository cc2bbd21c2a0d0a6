import type { Item } from './letter.ts';
import type { Say } from './say.ts';
import type { Reader } from './templates.ts';
import { name } from './words.ts';

/** What one notification says, and where it leads. Names and texts are of members, so they are no links and no letters of their own. */
export function notificationItem(notification: unknown, { publicUrl, say }: Reader): Item {
  const given = (notification ?? {}) as { [name: string]: unknown };
  const { objectNamePlural: plural, recordId, commentId, excerpt } = given;
  if (given['kind'] === 'EXPORT_FAILED')
    return { text: sentence(say, given), url: `${publicUrl}/settings/exports`, quote: null };
  const url =
    typeof plural === 'string' && typeof recordId === 'string'
      ? `${publicUrl}/objects/${encodeURIComponent(plural)}/${encodeURIComponent(recordId)}${typeof commentId === 'string' ? `#comment-${encodeURIComponent(commentId)}` : ''}`
      : null;
  return {
    text: sentence(say, given),
    url,
    quote: typeof excerpt === 'string' ? name(excerpt, '', 160) || null : null,
  };
}

function sentence(say: Say, { kind, label, objectLabel, actorName, detail }: { [name: string]: unknown }): string {
  const who = name(actorName, say('Somebody'));
  const what =
    name(label, '') ||
    (typeof objectLabel === 'string'
      ? say('{object} without a name', { object: name(objectLabel, '') })
      : say('a record'));
  const more = (detail ?? {}) as { [name: string]: unknown };
  const { count } = more;
  switch (kind) {
    case 'MENTION':
      return typeof count === 'number'
        ? say('{who} mentioned you in {count, plural, one {# record} other {# records}}', { who, count })
        : say('{who} mentioned you in {what}', { who, what });
    case 'REPLY':
      return say('{who} replied in {what}', { who, what });
    case 'TASK_ASSIGNED':
      return typeof count === 'number'
        ? say('{who} assigned you {count, plural, one {# task} other {# tasks}}', { who, count })
        : say('{who} assigned you {what}', { who, what });
    case 'TASK_DUE':
      if (more['state'] === 'REMINDER') return say('{what} is due soon', { what });
      return more['state'] === 'OVERDUE' ? say('{what} is overdue', { what }) : say('{what} is due today', { what });
    case 'SHARED':
      return typeof more['with'] === 'string'
        ? say('{who} shared {what} with {group}', { who, what, group: name(more['with'], say('your team')) })
        : say('{who} shared {what} with you', { who, what });
    case 'IMPORT_FINISHED':
      return importSentence(say, more);
    case 'EXPORT_FAILED': {
      const values = {
        name: name(more['name'], say('without a name')),
        why: name(more['failure'], say('for no reason that is known'), 200),
      };
      return more['isStopped'] === true
        ? say('The export {name} failed and was stopped: {why}', values)
        : say('The export {name} failed: {why}', values);
    }
    case 'WEBHOOK_DISABLED':
      return say('The webhook “{hook}” was switched off', { hook: name(more['name'], say('without a name')) });
    case 'SYNC_ERROR':
      return say('{account} cannot be read any more', { account: name(more['name'], say('A connected account')) });
    default:
      return say('Something happened to {what}', { what });
  }
}

function importSentence(say: Say, { name: given, failure, created, updated, rejected }: { [name: string]: unknown }) {
  const file = name(given, say('a file'));
  if (typeof failure === 'string')
    return say('Your import of {file} failed: {why}', {
      file,
      why: name(failure, say('for no reason that is known'), 200),
    });
  return [
    say('Your import of {file} has ended', { file }),
    ...(typeof created === 'number' ? [say('{created} created', { created })] : []),
    ...(typeof updated === 'number' ? [say('{updated} updated', { updated })] : []),
    ...(typeof rejected === 'number' ? [say('{rejected} rejected', { rejected })] : []),
  ].join(', ');
}
