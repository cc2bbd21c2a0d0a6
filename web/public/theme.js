// Runs before the first paint, as a file of its own so that a strict content security policy may forbid inline scripts.
(() => {
  let scheme = 'auto';
  try {
    scheme = localStorage.getItem('mantine-color-scheme-value') ?? 'auto';
  } catch {
    // Storage is blocked: follow the system.
  }
  if (scheme === 'auto') scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const root = document.documentElement;
  root.setAttribute('data-mantine-color-scheme', scheme);
  // What the system draws around the page follows the theme, also where it is another than the system's own.
  const frame = document.querySelector('meta[name="theme-color"]');
  const tint = () => frame.setAttribute('content', root.dataset.mantineColorScheme === 'dark' ? '#131514' : '#ffffff');
  new MutationObserver(tint).observe(root, { attributeFilter: ['data-mantine-color-scheme'] });
  tint();
})();

// The language, too, is found first, and its texts run before the application, whose constants have texts already.
(() => {
  const paths = document.currentScript.dataset;
  const key = 'relvar-language';
  const languageOf = (tag) => tag.toLowerCase().split('-')[0];
  const isSpoken = (tag) => tag in paths || languageOf(tag) in paths || languageOf(tag) === 'en';
  let tag;
  try {
    // What the address says holds for the tab, what the member has chosen for the device.
    const asked = new URLSearchParams(location.search).get('locale');
    if (asked) sessionStorage.setItem(key, asked);
    tag = sessionStorage.getItem(key) ?? localStorage.getItem(key);
  } catch {
    // Storage is blocked: the browser tells.
  }
  if (!tag || !isSpoken(tag)) tag = navigator.languages.find(isSpoken) ?? 'en';
  // "pseudo-rtl" shows what would be wrong from right to left.
  const language = languageOf(tag);
  document.documentElement.lang = language === 'pseudo' ? 'en' : language;
  if (tag === 'pseudo-rtl') document.documentElement.dir = 'rtl';
  // Deferred scripts and modules run in the order in which they stand in the page, but only if the parser has met them.
  if (language in paths) document.write(`<script defer src="${paths[language]}"></script>`);
})();
