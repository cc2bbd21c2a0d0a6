import { create } from 'zustand';
import { useSession } from '../session/session.ts';

/** A record that was open, as it was called then. What it is called now is asked as soon as it is shown. */
export interface RecentRecord {
  objectId: string;
  id: string;
  label: string;
}

interface Recents {
  records: RecentRecord[];
  searches: string[];
}

const RECORDS = 30;
const SEARCHES = 8;
const PREFIX = 'relvar.recent.';
const NONE: Recents = { records: [], searches: [] };

/** Of one member in one workspace, in this browser. Who looks as somebody else leaves no traces. */
function keyOf(): string | null {
  const { identity } = useSession.getState();
  if (!identity?.member || identity.seeing) return null;
  return `${PREFIX}${identity.workspace.id}.${identity.member.id}`;
}

function read(key: string | null): Recents {
  try {
    return { ...NONE, ...(JSON.parse((key && localStorage.getItem(key)) || '{}') as Partial<Recents>) };
  } catch {
    return NONE;
  }
}

export const useRecents = create<Recents>(() => read(keyOf()));

useSession.subscribe(({ identity }) => {
  if (identity === null) forgetRecents();
  useRecents.setState(read(keyOf()));
});

function change(next: Partial<Recents>): void {
  const key = keyOf();
  if (key === null) return;
  useRecents.setState(next);
  try {
    localStorage.setItem(key, JSON.stringify(useRecents.getState()));
  } catch {
    // Storage is full or blocked: they hold until the page is left.
  }
}

/** Others who use this browser do not read what was opened in it. */
function forgetRecents(): void {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  } catch {
    // Storage is blocked: nothing is kept in it either.
  }
}

export function rememberRecord(record: RecentRecord): void {
  const { records } = useRecents.getState();
  const [first] = records;
  if (record.label === '' || (first?.id === record.id && first.label === record.label)) return;
  change({ records: [record, ...records.filter(({ id }) => id !== record.id)].slice(0, RECORDS) });
}

export function rememberSearch(query: string): void {
  const text = query.trim();
  if (text.length < 2) return;
  const others = useRecents.getState().searches.filter((each) => each.toLowerCase() !== text.toLowerCase());
  change({ searches: [text, ...others].slice(0, SEARCHES) });
}

/** What is called otherwise by now, or is not there for this member any more. */
export function correctRecents(labels: Map<string, string>, asked: string[]): void {
  const { records } = useRecents.getState();
  const next = records.flatMap((record) => {
    if (!asked.includes(record.id)) return [record];
    const label = labels.get(record.id);
    return label === undefined ? [] : [{ ...record, label }];
  });
  if (JSON.stringify(next) !== JSON.stringify(records)) change({ records: next });
}
