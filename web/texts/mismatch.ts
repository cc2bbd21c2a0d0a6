import { parse, type Part } from '../../db/message.ts';

/** The values and tags that a text names; of forms of a plural, all of them together. */
function named(parts: Part[]): Set<string> {
  const names = new Set<string>();
  for (const part of parts) {
    if (typeof part === 'string') continue;
    if ('name' in part) names.add(`{${part.name}}`);
    if ('tag' in part) names.add(`<${part.tag}>`);
    const within = 'tag' in part ? [part.parts] : 'choices' in part ? Object.values(part.choices) : [];
    for (const each of within) for (const name of named(each)) names.add(name);
  }
  return names;
}

function withoutOther(parts: Part[]): boolean {
  return parts.some((part) => {
    if (typeof part === 'string' || !('choices' in part || 'tag' in part)) return false;
    if ('tag' in part) return withoutOther(part.parts);
    return !('other' in part.choices) || Object.values(part.choices).some(withoutOther);
  });
}

/** What a translation lacks or has too much; null where it fits its text. */
export function mismatch(text: string, translation: string): string | null {
  const [wanted, given] = [named(parse(text)), named(parse(translation))];
  const missing = [...wanted].filter((name) => !given.has(name));
  const foreign = [...given].filter((name) => !wanted.has(name));
  if (missing.length > 0) return `It lacks ${missing.join(', ')}.`;
  if (foreign.length > 0) return `The text has no ${foreign.join(', ')}.`;
  if (withoutOther(parse(translation))) return 'A plural has no form "other".';
  return /^\s|\s$/.test(translation) ? 'It begins or ends with a space.' : null;
}
