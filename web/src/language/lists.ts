import { language } from './language.ts';

const list = (type: 'conjunction' | 'disjunction') => {
  // American English would put a comma before the last.
  const format = new Intl.ListFormat(language === 'en' ? 'en-GB' : language, { type });
  return (items: string[]): string => format.format(items);
};

/** Ada, Grace and Linus. */
export const andList = list('conjunction');
/** Ada, Grace or Linus. */
export const orList = list('disjunction');
