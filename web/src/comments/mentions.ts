/**
 * A comment is kept with members by their ids, as <@id>, and written with their names, as @Name. While it is written the
 * names that were chosen are known; whatever else begins with @ is a word.
 */

export interface Mention {
  id: string;
  /** As it stands in the text, after the @. */
  name: string;
}

const MENTION = /<@([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})>/gi;

/** Two members may be called alike; the second gets a number, so that the text says which is meant. */
export function addMention(
  mentions: readonly Mention[],
  id: string,
  name: string,
): { mentions: Mention[]; name: string } {
  const known = mentions.find((each) => each.id === id);
  if (known) return { mentions: [...mentions], name: known.name };
  let free = name;
  for (let n = 2; mentions.some((each) => each.name === free); n++) free = `${name} (${n})`;
  return { mentions: [...mentions, { id, name: free }], name: free };
}

/** What is written, for who edits it. */
export function toText(body: string, names: { [id: string]: string }): { text: string; mentions: Mention[] } {
  let mentions: Mention[] = [];
  const text = body.replace(MENTION, (_, given: string) => {
    const id = given.toLowerCase();
    const added = addMention(mentions, id, names[id] ?? 'somebody');
    mentions = added.mentions;
    return `@${added.name}`;
  });
  return { text, mentions };
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** What is kept: each chosen name, where it stands as a whole, is the member. The longest name counts. */
export function toBody(text: string, mentions: readonly Mention[]): string {
  if (mentions.length === 0) return text;
  const names = mentions.map(({ name }) => name).sort((a, b) => b.length - a.length);
  const pattern = new RegExp(`@(${names.map(escaped).join('|')})(?![\\p{L}\\p{N}])`, 'gu');
  return text.replace(pattern, (_, name: string) => `<@${mentions.find((each) => each.name === name)!.id}>`);
}

/** What stands behind the @ at which somebody is choosing a member, and where it begins; null where nobody is. */
export function mentionAt(text: string, caret: number): { start: number; query: string } | null {
  const found = /(?:^|[\s([])@([\p{L}\p{N}.'’-]{0,30}(?: [\p{L}\p{N}.'’-]{1,30})?)$/u.exec(text.slice(0, caret));
  if (!found) return null;
  const query = found[1] ?? '';
  return { start: caret - query.length - 1, query };
}
