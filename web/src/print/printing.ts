import { flushSync } from 'react-dom';
import { create } from 'zustand';
import { isWaiting } from '../api/client.ts';

/** While a page is made ready for paper, and printed: what it hides at other times is drawn. */
export const usePrinting = create<{ isPrinting: boolean }>(() => ({ isPrinting: false }));

const LOOK_MS = 120;
/** So long nothing may be on its way, for what is read may ask for more. */
const STILL = 3;
const MOST_MS = 10_000;

/** Until what is drawn for paper has been read. */
async function untilStill(): Promise<void> {
  const end = Date.now() + MOST_MS;
  for (let still = 0; still < STILL && Date.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    still = isWaiting() || document.querySelector('main [aria-busy="true"]:not([data-rows] *)') ? 0 : still + 1;
  }
}

/** Prints the page that is open: with all that its tabs hold, and without what is no part of it. */
export async function printPage(): Promise<void> {
  if (usePrinting.getState().isPrinting) return;
  usePrinting.setState({ isPrinting: true });
  await untilStill();
  window.print();
}

/** The browser's own command waits for nothing: what is read already is drawn. */
export function followPrinting(): () => void {
  const before = () => flushSync(() => usePrinting.setState({ isPrinting: true }));
  const after = () => usePrinting.setState({ isPrinting: false });
  window.addEventListener('beforeprint', before);
  window.addEventListener('afterprint', after);
  return () => {
    window.removeEventListener('beforeprint', before);
    window.removeEventListener('afterprint', after);
  };
}
