import type { RecordRow } from '../model/types.ts';

/** The address that a record's page frames, with what the record says in place of {names}; null where that is none. */
export function framedAddress(template: string, row: RecordRow, own: string): string | null {
  const text = template.replaceAll(/\{([A-Za-z0-9]+)\}/g, (_, name: string) => {
    const value = row[name];
    return encodeURIComponent(typeof value === 'object' || value === undefined ? '' : String(value));
  });
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  // A page of our own would be let out of its sandbox by itself.
  if (!/^https?:$/.test(url.protocol) || url.origin === own || url.username || url.password) return null;
  return url.href;
}
