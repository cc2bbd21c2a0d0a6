const LIST = /mso-list:\s*l(\d+)\s+level(\d+)/i;
/** What stands before an item of a list in Word: a bullet, a number, a letter. */
const NUMBERED = /^\s*(?:\d+|[a-z]|[ivx]+)[.)]/i;

/** Word writes lists as paragraphs that say of which list and level they are. */
function listsFromWord(page: Document): void {
  let lists: HTMLElement[] = [];
  let before: Element | null = null;
  for (const line of page.querySelectorAll<HTMLElement>(
    'p[style*="mso-list"], h1[style*="mso-list"], div[style*="mso-list"]',
  )) {
    const level = Math.min(9, Number(LIST.exec(line.getAttribute('style') ?? '')?.[2] ?? 1));
    const sign = line.querySelector('[style*="mso-list:Ignore"], [style*="mso-list: Ignore"]');
    const kind = NUMBERED.test(sign?.textContent ?? '') ? 'ol' : 'ul';
    sign?.remove();
    if (before === null || line.previousElementSibling !== before) lists = [];
    while (lists.length > level) lists.pop();
    while (lists.length < level) {
      const list = page.createElement(kind);
      const holder = lists.at(-1)?.lastElementChild;
      if (holder) holder.append(list);
      else if (lists.length > 0) lists.at(-1)!.append(list);
      else line.before(list);
      lists.push(list);
    }
    const item = page.createElement('li');
    item.append(...line.childNodes);
    lists.at(-1)!.append(item);
    before = lists[0]!;
    line.remove();
  }
}

/**
 * What is pasted, without what only the program knows that it comes from. Which elements, attributes and addresses a text may have the editor itself decides: it
 * takes over what its own documents can hold, and makes everything else text or nothing.
 */
export function cleanPasted(html: string): string {
  const page = new DOMParser().parseFromString(html.replace(/<!--\[if[^]*?<!\[endif\]-->/gi, ''), 'text/html');
  for (const element of page.querySelectorAll(
    'script, style, meta, link, title, xml, template, noscript, iframe, object, embed, form, input:not([type="checkbox"]), svg, math',
  ))
    element.remove();
  for (const element of page.querySelectorAll('*'))
    if (element.tagName.includes(':')) element.replaceWith(...element.childNodes);
  listsFromWord(page);
  // Docs wraps all that is copied into a <b> that is not bold.
  for (const wrapper of page.querySelectorAll('b[id^="docs-internal-guid"]'))
    wrapper.replaceWith(...wrapper.childNodes);
  return page.body.innerHTML;
}

/** Whether what is pasted is a picture and nothing else: a browser that copies one puts the tag that showed it beside it. */
export function isPictureAlone(html: string): boolean {
  const { body } = new DOMParser().parseFromString(html, 'text/html');
  return body.querySelector('img') !== null && body.textContent.trim() === '';
}
