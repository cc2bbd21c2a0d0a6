import { isChange, type Change, type Entry } from './entries.ts';

/** What one person changed of one record in one minute, the latest first; anything else stands for itself. */
export type Group = { key: string; changes: Change[] } | { key: string; entry: Entry };

const minute = (entry: Entry) => Math.floor(new Date(entry.happenedAt).getTime() / 60_000);

const belongs = (a: Entry, b: Entry): boolean =>
  a.relatedId === b.relatedId &&
  a.actorType === b.actorType &&
  a.actorName === b.actorName &&
  a.source === b.source &&
  minute(a) === minute(b);

export function groupEntries(entries: Entry[]): Group[] {
  const groups: Group[] = [];
  for (const entry of entries) {
    if (!isChange(entry) || entry.action !== 'updated') {
      groups.push({ key: entry.entryKey, entry });
      continue;
    }
    const last = groups.at(-1);
    if (last && 'changes' in last && belongs(last.changes[0]!, entry)) {
      last.changes.push(entry);
      // By its earliest change, so that it stays open when later ones arrive.
      last.key = entry.entryKey;
    } else groups.push({ key: entry.entryKey, changes: [entry] });
  }
  return groups;
}
