import { render } from '@react-email/render';
import { letterElement } from './letter.ts';
import { speaker } from './say.ts';
import { TEMPLATES, type Context } from './templates.ts';

export interface ComposedMail {
  subject: string;
  html: string;
  text: string;
}

const PLAIN = {
  plainText: true,
  htmlToTextOptions: {
    selectors: [
      // The link of the button is in the text already.
      { selector: '.fallback', format: 'skip' },
      { selector: '.facts', format: 'dataTable' },
    ],
  },
} as const;

/** Makes a mail of its template in the language of whoever reads it: one letter, as a page and as plain text. */
export async function compose(
  template: string,
  props: Record<string, unknown>,
  context: Context,
): Promise<ComposedMail> {
  const write = TEMPLATES[template];
  if (!write) throw new UnknownTemplate(`There is no mail template "${template}".`);
  const say = speaker(context.locale);
  // Dates are written as the language writes them, so in English where mails are not written in the reader's.
  const locale = context.locale.startsWith(say.language) ? context.locale : say.language;
  const letter = write(props, { ...context, locale, say });
  const element = letterElement(letter, say);
  return { subject: letter.subject, html: await render(element), text: await render(element, PLAIN) };
}

/** Trying again would not help. */
export class UnknownTemplate extends Error {}
