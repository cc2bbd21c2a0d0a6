/** A Markdown as one line of plain words, for where there is no room for more. */
export const plainText = (markdown: string): string =>
  markdown
    .slice(0, 2000)
    .replace(/<@[0-9a-f-]{36}>/gi, '@…')
    .replace(/!?\[((?:\\.|[^\]\\])*)\]\([^)]*\)/g, '$1')
    .replace(/^(?:\s*>)+|^ {0,3}(?:#{1,6}|[-*+]|\d{1,9}[.)])(?= )|^\s*(?:```.*|___|\|[-| ]+\|)$/gm, '')
    .replace(/\[ \](?= )/g, '☐')
    .replace(/\[[xX]\](?= )/g, '☑')
    .replace(/<br>|<\/?(?:strong|em|s)>/g, ' ')
    .replace(/(?<!\\)(?:\*\*|~~|[*`|])/g, ' ')
    .replace(/\\([!-/:-@[-`{-~])/g, '$1')
    .replace(/\\\n/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
