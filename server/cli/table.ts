/** Rows in aligned columns for a terminal. */
export function formatTable(columns: readonly string[], rows: readonly object[]): string {
  const cells = [
    columns,
    ...rows.map((row) => columns.map((column) => String((row as Record<string, unknown>)[column] ?? ''))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
