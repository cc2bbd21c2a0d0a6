/** A comment, taken apart. The parts are drawn as text and elements; nothing of them is ever read as HTML. */
export type Part =
  | { kind: 'text'; text: string }
  | { kind: 'bold'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'mention'; id: string }
  | { kind: 'link'; text: string; url: string };

const MARKS =
  /<@([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})>|`([^`\n]+)`|\*\*([^*\n]+)\*\*|(https?:\/\/[^\s<>"`]+)/gi;

/** What ends a sentence, or a bracket that was opened before the address, is not part of the address. */
function trimmed(address: string): string {
  let end = address.replace(/[.,;:!?'’”*_]+$/, '');
  while (end.endsWith(')') && end.split(')').length > end.split('(').length)
    end = end.slice(0, -1).replace(/[.,;:!?]+$/, '');
  return end;
}

function link(address: string): string | null {
  try {
    const url = new URL(address);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}

export function commentParts(body: string): Part[] {
  const parts: Part[] = [];
  const add = (text: string) => {
    const last = parts.at(-1);
    if (text === '') return;
    if (last?.kind === 'text') last.text += text;
    else parts.push({ kind: 'text', text });
  };
  let done = 0;
  for (const match of body.matchAll(MARKS)) {
    const [whole, mention, code, bold, address] = match;
    add(body.slice(done, match.index));
    done = match.index + whole.length;
    if (mention) parts.push({ kind: 'mention', id: mention.toLowerCase() });
    else if (code) parts.push({ kind: 'code', text: code });
    else if (bold) parts.push({ kind: 'bold', text: bold });
    else if (address) {
      const text = trimmed(address);
      const url = link(text);
      if (url) parts.push({ kind: 'link', text, url });
      else add(text);
      add(address.slice(text.length));
    }
  }
  add(body.slice(done));
  return parts;
}
