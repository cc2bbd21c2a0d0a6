import type { ModelObject } from '../model/types.ts';
import type { Reason } from './calls.ts';
import type { Comparison } from './criteria.ts';
import { t } from '../language/t.ts';

const SHARED: { [by in Comparison]: (label: string) => string } = {
  ALIKE: (label) => t('the same {label}', { label }),
  EXACT: (label) => t('exactly the same {label}', { label }),
  SIMILAR: (label) => t('{label} spelt alike', { label }),
  DOMAIN: (label) => t('the same domain of {label}', { label }),
};

const listed = (items: string[]): string =>
  items.reduce((text, each, i) =>
    i === items.length - 1 ? t('{text} and {each}', { text, each }) : `${text}, ${each}`,
  );

/** "the same e-mails; name spelt alike and the same domain of e-mails" */
export function reasonText(object: ModelObject, reasons: Reason[]): string {
  const labelOf = (name: string) => object.fields.find((field) => field.name === name)?.label.toLowerCase() ?? name;
  return reasons.map(({ fields }) => listed(fields.map(({ name, by }) => SHARED[by](labelOf(name))))).join('; ');
}

export const percent = (score: number): string => `${Math.min(99, Math.round(score * 100))} %`;
