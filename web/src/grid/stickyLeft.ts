import type { CSSProperties } from 'react';
import type { GridColumn } from './types.ts';

/** Where a pinned column stays: after the check boxes and the pinned columns before it, as wide as these are by now. */
export const stickyLeft = (columns: GridColumn[], index: number): CSSProperties =>
  ({
    '--left': `calc(${['36px', ...columns.slice(0, index).map(({ id }) => `var(--w-${id})`)].join(' + ')})`,
  }) as CSSProperties;
