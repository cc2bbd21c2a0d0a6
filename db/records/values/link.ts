import { Unreadable, quote } from './unreadable.ts';

/** Where a bare account name leads, by the field that holds it. */
const PROFILE_PAGES: Record<string, string> = {
  xLink: 'https://x.com/',
  linkedinLink: 'https://www.linkedin.com/in/',
};

/**
 * An address normalised: scheme added, host in lower case, no lone slash at the end. So "ACME.com",
 * "acme.com/" and "https://acme.com" are one. Only http and https are let in.
 */
export function parseLink(cell: string, fieldName = ''): string | Unreadable {
  const text = cell.trim();
  const page = PROFILE_PAGES[fieldName];
  if (page !== undefined && /^@?[\w-]{1,100}$/.test(text)) return page + text.replace(/^@/, '');
  const withScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `https://${text.replace(/^\/\//, '')}`;
  const url = /\s/.test(text) || !URL.canParse(withScheme) ? null : new URL(withScheme);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    !/^[^.]+(\.[^.]+)+\.?$/.test(url.hostname) ||
    url.username !== ''
  )
    return new Unreadable(`${quote(cell)} is not a web address`);
  // The host is taken as written, since URL would turn "köln.de" into punycode.
  const match = /^([a-z]+:\/\/)([^/?#]+)(.*)$/i.exec(withScheme);
  const [, scheme = '', host = '', rest = ''] = match ?? [];
  return scheme.toLowerCase() + host.toLowerCase().replace(/\.$/, '') + (rest === '/' ? '' : rest);
}

/** The JSON of secondary links: a JSON array of {label, url}, or addresses in a list. */
export function linksJson(urls: readonly string[]): string {
  return JSON.stringify(urls.map((url) => ({ label: '', url })));
}
