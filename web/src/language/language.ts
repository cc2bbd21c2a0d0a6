/** The languages that the screens are written in. */
const LANGUAGES = ['en', 'de', 'fr', 'es'];

/** The language of the screen, which theme.js has found before anything else. */
export const language = typeof document === 'undefined' ? 'en' : document.documentElement.lang;

/** The texts of the language by the English ones, which have come with it. */
export const catalogue = (globalThis as { relvarTexts?: { [text: string]: string } }).relvarTexts ?? {};

/** Shows the screens in the language that the member has chosen; they are read anew when it is another one. */
export function speak(tag: string): void {
  const [wanted = ''] = tag.split('-');
  const chosen = LANGUAGES.includes(wanted) ? wanted : 'en';
  try {
    if (localStorage.getItem('relvar-language') === chosen || sessionStorage.getItem('relvar-language')) return;
    localStorage.setItem('relvar-language', chosen);
    if (chosen !== language) window.location.reload();
  } catch {
    // Storage is blocked: the language stays that of the browser.
  }
}
