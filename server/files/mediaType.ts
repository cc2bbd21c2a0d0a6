import { isUtf8 } from 'node:buffer';
import { fileTypeFromBuffer } from 'file-type';

/** Types of texts, which nothing but their name tells from each other. None is ever run by a browser as it is served here. */
const TEXTS: { [extension: string]: string } = {
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  md: 'text/markdown',
  json: 'application/json',
  xml: 'application/xml',
  svg: 'image/svg+xml',
  htm: 'text/html',
  html: 'text/html',
  ics: 'text/calendar',
  vcf: 'text/vcard',
  eml: 'message/rfc822',
};

/** What a file is by its content. What its sender says of it is a claim, and is not asked for. */
export async function mediaTypeOf(head: Buffer, name: string): Promise<string> {
  const extension = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? '';
  // The beginning of a file may not be all that a parser would like to see.
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  // XML may be anything that is written in it.
  if (found && found.mime !== 'application/xml') return found.mime;
  if (!isText(head)) return 'application/octet-stream';
  return TEXTS[extension] ?? (looksLikeMarkup(head) ? 'application/xml' : 'text/plain');
}

function isText(head: Buffer): boolean {
  if (head.includes(0)) return false;
  // It may have been cut within a character.
  for (let cut = 0; cut < 4; cut++) if (isUtf8(head.subarray(0, head.length - cut))) return true;
  // Older programs write other texts, which have no signs that control nothing.
  return !head.some((byte) => byte < 9 || (byte > 13 && byte < 27) || (byte > 27 && byte < 32));
}

const looksLikeMarkup = (head: Buffer) =>
  /^\s*(<\?xml|<!doctype|<html|<svg)/i.test(head.subarray(0, 200).toString('utf8'));

/** What browsers show by themselves and run nothing of. Everything else is saved, and is no more than bytes. */
const SHOWN = new Set([
  'image/png',
  'image/apng',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/bmp',
  'application/pdf',
  'audio/mpeg',
  'audio/mp4',
  'audio/x-m4a',
  'audio/aac',
  'audio/ogg',
  'audio/opus',
  'audio/wav',
  'audio/vnd.wave',
  'audio/flac',
  'audio/x-flac',
  'audio/webm',
  'video/mp4',
  'video/webm',
  'video/ogg',
  'video/quicktime',
  'video/x-m4v',
]);

const SHOWN_AS_TEXT = new Set([
  'text/plain',
  'text/csv',
  'text/tab-separated-values',
  'text/markdown',
  'application/json',
]);

/** As what it is sent, and whether a browser may show it. */
export function presentType(mediaType: string): { contentType: string; isShown: boolean } {
  if (SHOWN.has(mediaType)) return { contentType: mediaType, isShown: true };
  if (SHOWN_AS_TEXT.has(mediaType)) return { contentType: 'text/plain; charset=utf-8', isShown: true };
  return { contentType: 'application/octet-stream', isShown: false };
}
