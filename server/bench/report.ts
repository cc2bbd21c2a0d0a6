import type { Line } from './bench.ts';

const WIDTHS = [18, 16, 16, 8] as const;

export function formatHead(): string {
  return row(['benchmark', 'result', 'bound', 'ok'], 'detail');
}

/** One line for people; `--json` says the same to programs. */
export function formatLine({ name, ratio, value, unit, bound, ok, detail }: Line): string {
  const { boundIs, ...rest } = detail;
  const result = ratio === undefined ? `${value ?? '–'} ${unit ?? ''}` : `${ratio} ×`;
  return row([name, result, `${boundIs === undefined ? '≤' : '≥'} ${bound}`, ok ? 'yes' : 'NO'], formatDetail(rest));
}

function row(cells: readonly string[], detail: string): string {
  return cells.map((cell, index) => cell.padEnd(WIDTHS[index]!)).join('') + detail;
}

/** Lists of single rounds are for programs; people read the summaries. */
function formatDetail(detail: Record<string, unknown>): string {
  return Object.entries(detail)
    .filter(([name, value]) => !Array.isArray(value) || name === 'failed')
    .map(
      ([name, value]) =>
        `${name} ${typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : String(value)}`,
    )
    .join(', ');
}
