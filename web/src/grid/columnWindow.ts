export interface ColumnWindow {
  /** Indexes of the first and last column to render after the pinned one. */
  start: number;
  end: number;
  before: number;
  after: number;
}

/** Below this many columns, rendering all costs less than working out which to render. */
const WINDOW_ABOVE = 20;
const OVERSCAN = 2;

/** Which columns a scroller shows, given the widths of all after the pinned first one. */
export function columnWindow(widths: number[], scrollLeft: number, viewWidth: number): ColumnWindow {
  if (widths.length <= WINDOW_ABOVE) return { start: 0, end: widths.length - 1, before: 0, after: 0 };
  let start = 0;
  let offset = 0;
  while (start < widths.length - 1 && offset + (widths[start] ?? 0) <= scrollLeft) offset += widths[start++] ?? 0;
  let end = start;
  let seen = offset;
  while (end < widths.length - 1 && seen < scrollLeft + viewWidth) seen += widths[end++] ?? 0;
  start = Math.max(0, start - OVERSCAN);
  end = Math.min(widths.length - 1, end + OVERSCAN);
  const sum = (from: number, to: number) => widths.slice(from, to).reduce((total, width) => total + width, 0);
  return { start, end, before: sum(0, start), after: sum(end + 1, widths.length) };
}
