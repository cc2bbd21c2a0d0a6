import type { ModelObject } from '../model/types.ts';
import type { Reason } from './calls.ts';
import type { Comparison } from './criteria.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';
import { andList } from '../language/lists.ts';

const SHARED: { [by in Comparison]: (label: string) => string } = {
  ALIKE: (label) => t('the same {label}', { label }),
  EXACT: (label) => t('exactly the same {label}', { label }),
  SIMILAR: (label) => t('{label} spelt alike', { label }),
  DOMAIN: (label) => t('the same domain of {label}', { label }),
};

/** "the same e-mails; name spelt alike and the same domain of e-mails" */
export function reasonText(object: ModelObject, reasons: Reason[]): string {
  const labelOf = (name: string) => inSentence(object.fields.find((field) => field.name === name)?.label ?? name);
  return reasons.map(({ fields }) => andList(fields.map(({ name, by }) => SHARED[by](labelOf(name))))).join('; ');
}

export const percent = (score: number): string => `${Math.min(99, Math.round(score * 100))} %`;
