/** Whether the page runs from right to left: theme.js has said so before anything else. */
export const isRightToLeft = typeof document !== 'undefined' && document.documentElement.dir === 'rtl';

/** By which a way to the right is one forward: 1, or -1 where lines run from right to left. */
export const forward = isRightToLeft ? -1 : 1;

const MIRRORED: { [key: string]: string } = { ArrowLeft: 'ArrowRight', ArrowRight: 'ArrowLeft' };

/** The key as one means it: where lines run from right to left, the arrow to the left leads forward. */
export const meantKey = (key: string): string => (isRightToLeft ? (MIRRORED[key] ?? key) : key);
