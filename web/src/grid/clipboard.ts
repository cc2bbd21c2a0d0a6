const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Cells as spreadsheets read them: lines of text parted by tabs. What would part them stands in quotes. */
export const writeLines = (lines: string[][]): string =>
  lines
    .map((line) => line.map((text) => (/[\t\n\r]|^"/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join('\t'))
    .join('\n');

/** The same as a table, for mails and documents. */
export const writeTable = (lines: string[][]): string =>
  `<table>${lines
    .map((line) => `<tr>${line.map((text) => `<td>${escaped(text).replaceAll('\n', '<br>')}</td>`).join('')}</tr>`)
    .join('')}</table>`;

/** What is pasted into a larger block is repeated in it, if it fits a whole number of times. */
export function tiled<Cell>(lines: Cell[][], rows: number, columns: number): Cell[][] {
  const width = Math.max(1, ...lines.map((line) => line.length));
  if (lines.length === 0 || rows % lines.length > 0 || columns % width > 0) return lines;
  if (rows <= lines.length && columns <= width) return lines;
  return Array.from({ length: Math.max(rows, lines.length) }, (_, row) => {
    const line = lines[row % lines.length] ?? [];
    return Array.from({ length: Math.max(columns, line.length) }, (__, column) => line[column % width] as Cell);
  });
}
