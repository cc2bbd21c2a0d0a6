const LEADING = /^(?:https?:\/\/[^\s/?#]|mailto:[^\s]|tel:[+\d]|\/(?![/\\]))/i;

/** Where a text may lead: by http, mail or telephone, or to a page of this application. */
export const isSafeAddress = (address: string): boolean =>
  // Browsers leave out control characters and blanks before they look at what kind of address it is.
  // oxlint-disable-next-line no-control-regex
  !/[\u0000-\u001f\u007f]/.test(address) && LEADING.test(address);

/** A file that is kept here: its id. */
export const fileIdOf = (address: string): string | null =>
  /^\/files\/([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/.exec(address)?.[1] ?? null;
