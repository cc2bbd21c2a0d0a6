// What texts with values and plurals say: the one thing that the screens and the mails share.

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

export interface Values {
  [name: string]: string | number | boolean | null | undefined;
}

/** How a language counts and writes numbers. */
export interface Forms {
  plurals: Intl.PluralRules;
  number: (value: number) => string;
}

/** What a choice comes to: an exact number before its form, and "other" where the translation knows no better. */
export function chosen(part: Extract<Part, { kind: string }>, value: unknown, plurals: Intl.PluralRules): Part[] {
  const { kind, choices } = part;
  return (
    choices[kind === 'plural' ? `=${value}` : String(value)] ??
    choices[kind === 'plural' ? plurals.select(Number(value)) : 'other'] ??
    choices['other'] ??
    []
  );
}

/** A value as a text shows it. A number has the signs of the reader, also where it stands by itself. */
export const shown = (value: unknown, isNumber: boolean, { number }: Forms): string =>
  isNumber || typeof value === 'number' ? number(Number(value)) : value == null || value === false ? '' : String(value);

export function write(parts: Part[], values: Values, forms: Forms): string {
  let text = '';
  for (const part of parts) {
    if (typeof part === 'string') text += part;
    else if ('tag' in part) text += write(part.parts, values, forms);
    else if ('kind' in part) text += write(chosen(part, values[part.name], forms.plurals), values, forms);
    else text += shown(values[part.name], part.isNumber === true, forms);
  }
  return text;
}
