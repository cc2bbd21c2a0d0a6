import { language } from './language.ts';

const list = (type: 'conjunction' | 'disjunction') => {
  const format = new Intl.ListFormat(language, { type });
  return (items: string[]): string => format.format(items);
};

/** Ada, Grace and Linus. */
export const andList = list('conjunction');
/** Ada, Grace or Linus. */
export const orList = list('disjunction');
