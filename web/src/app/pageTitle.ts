import { useSession } from '../session/session.ts';

/** Within so long after the address has changed, a page has its heading. */
const ARRIVING_MS = 5_000;

/**
 * The title of the page is what its heading says, also when that changes, so that tabs, the history and bookmarks can be
 * told apart. Another page is said aloud: for a screen reader nothing else tells that a link has led somewhere.
 */
export function followHeading(): () => void {
  const voice = document.createElement('div');
  voice.className = 'visually-hidden';
  voice.setAttribute('role', 'status');
  document.body.append(voice);
  let heading: Element | null = null;
  let path = window.location.pathname;
  let since = Number.NEGATIVE_INFINITY;
  let told: string | null = null;

  const tell = () => {
    const parts = [document.querySelector('[data-sections] [data-status="active"]'), heading];
    const text = parts.flatMap((part) => part?.textContent?.trim() || []).join(' · ');
    const workspace = useSession.getState().identity?.workspace.name ?? 'Relvar';
    const title = text && text !== workspace ? `${text} · ${workspace}` : workspace;
    if (document.title !== title) document.title = title;
    if (window.location.pathname !== path) {
      path = window.location.pathname;
      since = performance.now();
    }
    if (!text || text === told) return;
    // The heading of the page before stands until the next one is there; one that changes later is being edited.
    if (told !== null && performance.now() - since < ARRIVING_MS) voice.textContent = text;
    told = text;
  };
  const words = new MutationObserver(tell);
  const find = () => {
    const found = document.querySelector('h1');
    if (found !== heading) {
      heading = found;
      words.disconnect();
      if (found) words.observe(found, { childList: true, characterData: true, subtree: true });
    } else if (window.location.pathname === path) return;
    tell();
  };
  const pages = new MutationObserver(find);
  pages.observe(document.body, { childList: true, subtree: true });
  find();
  return () => {
    pages.disconnect();
    words.disconnect();
    voice.remove();
  };
}
