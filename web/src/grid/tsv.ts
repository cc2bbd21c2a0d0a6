/**
 * Reads what a spreadsheet puts on the clipboard: lines of cells parted by tabs. A cell that holds a tab, a quote or a
 * line break stands in quotes, with its own quotes doubled.
 */
export function readLines(text: string): string[][] {
  const lines: string[][] = [];
  let line: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"(?=[\t\r\n]|$)|([^\t\r\n]*))(\t|\r\n|\n|\r|$)/gy;
  while (cell.lastIndex < text.length) {
    const match = cell.exec(text);
    if (!match) break;
    line.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '\t') {
      // A tab at the very end is followed by one more, empty cell.
      if (cell.lastIndex === text.length) line.push('');
      else continue;
    }
    lines.push(line);
    line = [];
  }
  return lines;
}
