import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, write, type Values } from '../../db/message.ts';

/** Says an English text in a language: say('{inviter} invites you to {workspace}', { … }). */
export interface Say {
  (text: string, values?: Values): string;
  language: string;
}

const speakers = new Map<string, Say>();

/** Of a language that mails are not written in: English. */
export function speaker(locale: string): Say {
  const [wanted = ''] = locale.toLowerCase().split('-');
  const path = join(import.meta.dirname, '..', 'locales', `${wanted}.json`);
  const isWritten = /^[a-z]{2,3}$/.test(wanted) && existsSync(path);
  const language = isWritten ? wanted : 'en';
  const known = speakers.get(language);
  if (known) return known;
  const texts = isWritten ? (JSON.parse(readFileSync(path, 'utf8')) as { [text: string]: string }) : {};
  const forms = { plurals: new Intl.PluralRules(language), number: new Intl.NumberFormat(language).format };
  const say: Say = (text, values = {}) => write(parse(texts[text] || text), values, forms);
  say.language = language;
  speakers.set(language, say);
  return say;
}
