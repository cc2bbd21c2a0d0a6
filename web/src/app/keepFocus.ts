/** An element that had the focus, with what was around it then: once it is gone it does not know any more. */
interface Held {
  element: HTMLElement;
  around: HTMLElement[];
}

const MOST = 12;
/** Whoever closes or deletes something mostly says where the focus goes on; only where nobody does is it done here. */
const PATIENCE_MS = 80;
const FOCUSABLE = 'a[href], button, input, select, textarea, [tabindex]';
const OVER = '[role="dialog"], [role="menu"], [role="listbox"], [data-portal]';

const isThere = (element: Element): boolean =>
  element.isConnected && element.checkVisibility({ visibilityProperty: true }) && !element.closest('[inert]');
const takesFocus = (element: Element): boolean =>
  element instanceof HTMLElement && element.matches(FOCUSABLE) && !element.matches(':disabled') && isThere(element);
const isLost = (): boolean => document.activeElement === document.body || document.activeElement === null;

/** What stands for an element where the page around it was drawn anew. */
function sameOf(element: HTMLElement): HTMLElement | null {
  const label = element.getAttribute('aria-label');
  const found = label && document.querySelector(`${element.tagName}[aria-label="${CSS.escape(label)}"]`);
  return found instanceof HTMLElement && takesFocus(found) ? found : null;
}

/** Where one was before, if what is gone lay over the page; else what is nearest to where one was. */
function nextTo({ element, around }: Held, before: Held[]): HTMLElement | undefined {
  const wasOver = [element, ...around].find((each) => each.matches(OVER));
  if (wasOver) {
    const earlier = before.filter((each) => !each.around.includes(wasOver)).toReversed();
    for (const each of earlier) {
      const there = takesFocus(each.element) ? each.element : sameOf(each.element);
      if (there) return there;
    }
  }
  for (const each of around) {
    // Around the whole page the first that takes the focus is the link past the navigation, which would lie over it.
    if (each.querySelector('main#main')) break;
    if (!isThere(each)) continue;
    if (takesFocus(each)) return each;
    const inside = [...each.querySelectorAll(FOCUSABLE)].find(
      (found) => takesFocus(found) && found.getAttribute('tabindex') !== '-1',
    );
    if (inside instanceof HTMLElement) return inside;
  }
  return document.querySelector<HTMLElement>('main#main') ?? undefined;
}

/**
 * The focus is never lost: when the element that has it goes (a row that is deleted, a card that moves, a dialog that
 * closes, a page that is left), the keyboard goes on from where one was, and a screen reader does not begin anew.
 */
export function keepFocus(): () => void {
  const held: Held[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const onFocus = ({ target }: FocusEvent) => {
    if (!(target instanceof HTMLElement) || target === document.body) return;
    const around: HTMLElement[] = [];
    for (let each = target.parentElement; each && each !== document.body; each = each.parentElement) around.push(each);
    held.push({ element: target, around });
    if (held.length > MOST) held.shift();
  };
  const mend = () => {
    const last = held.at(-1);
    // Who clicks beside everything has left it on purpose; what is only off for a moment gets it back.
    if (!last || !isLost() || (isThere(last.element) && last.element.matches(':disabled'))) return;
    if (takesFocus(last.element)) return;
    nextTo(last, held.slice(0, -1))?.focus({ preventScroll: true });
  };
  const isOff = (element: Element): boolean => element.matches(':disabled');
  let wasOff = false;
  const observer = new MutationObserver(() => {
    const last = held.at(-1)?.element;
    if (!last || !isLost()) return;
    if (isOff(last)) wasOff = true;
    else if (wasOff) {
      wasOff = false;
      if (takesFocus(last)) last.focus({ preventScroll: true });
    }
    if (takesFocus(last)) return;
    clearTimeout(timer);
    timer = setTimeout(mend, PATIENCE_MS);
  });
  document.addEventListener('focusin', onFocus);
  observer.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled'] });
  return () => {
    clearTimeout(timer);
    observer.disconnect();
    document.removeEventListener('focusin', onFocus);
  };
}
