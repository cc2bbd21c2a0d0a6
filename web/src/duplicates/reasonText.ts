import type { ModelObject } from '../model/types.ts';
import type { Reason } from './calls.ts';
import type { Comparison } from './criteria.ts';

const SHARED: { [by in Comparison]: (label: string) => string } = {
  ALIKE: (label) => `the same ${label}`,
  EXACT: (label) => `exactly the same ${label}`,
  SIMILAR: (label) => `${label} spelt alike`,
  DOMAIN: (label) => `the same domain of ${label}`,
};

const listed = (items: string[]): string =>
  items.reduce((text, each, i) => text + (i === items.length - 1 ? ' and ' : ', ') + each);

/** "the same e-mails; name spelt alike and the same domain of e-mails" */
export function reasonText(object: ModelObject, reasons: Reason[]): string {
  const labelOf = (name: string) => object.fields.find((field) => field.name === name)?.label.toLowerCase() ?? name;
  return reasons.map(({ fields }) => listed(fields.map(({ name, by }) => SHARED[by](labelOf(name))))).join('; ');
}

export const percent = (score: number): string => `${Math.min(99, Math.round(score * 100))} %`;
