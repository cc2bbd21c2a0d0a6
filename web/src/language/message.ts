/** A piece of a text as ICU writes them: "{count, plural, one {# record} other {# records}} in <0>{name}</0>". */
export type Part =
  | string
  /** A value as it is, or as a number with the signs that the member reads. */
  | { name: string; isNumber?: boolean }
  | { name: string; kind: string; choices: { [choice: string]: Part[] } }
  | { tag: number; parts: Part[] };

const TOKEN = /'([{}<#][^']*)'|\{\s*(\w+)\s*(?:,\s*(plural|select)\s*,)?|<(\/?)(\d+)>|[}#]/g;
const CHOICE = /\s*(=?\w+)\s*\{/y;

/** Whoever translates may write what is no such text; it is read as far as it can be. */
export function parse(text: string): Part[] {
  let position = 0;
  const skipBrace = () => (position = text.indexOf('}', position) + 1 || text.length);
  function read(number: string | null): Part[] {
    const parts: Part[] = [];
    for (;;) {
      TOKEN.lastIndex = position;
      const token = TOKEN.exec(text);
      const plain = text.slice(position, token?.index);
      if (plain) parts.push(plain);
      position = token ? TOKEN.lastIndex : text.length;
      if (!token) return parts;
      const [all, quoted, name, kind, closing, tag] = token;
      if (quoted) parts.push(quoted);
      else if (name && kind) {
        const choices: { [choice: string]: Part[] } = {};
        for (;;) {
          CHOICE.lastIndex = position;
          const head = CHOICE.exec(text);
          if (!head) break;
          position = CHOICE.lastIndex;
          choices[head[1] as string] = read(kind === 'plural' ? name : number);
        }
        skipBrace();
        parts.push({ name, kind, choices });
      } else if (name) {
        skipBrace();
        parts.push({ name });
      } else if (all === '}' || closing) return parts;
      else if (tag) parts.push({ tag: Number(tag), parts: read(number) });
      else parts.push(number === null ? all : { name: number, isNumber: true });
    }
  }
  return read(null);
}
