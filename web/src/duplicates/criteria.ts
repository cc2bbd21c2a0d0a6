import type { FieldType, ModelObject, StoredCriterion } from '../model/types.ts';
import { t } from '../language/t.ts';

/** How two values of a field are compared: without case, accents and spaces; as they are; by their spelling; by their domain. */
export type Comparison = 'ALIKE' | 'EXACT' | 'SIMILAR' | 'DOMAIN';

export interface CriterionField {
  id: string;
  by: Comparison;
}

/** Records that match in all fields of a criterion are taken for the same. */
export interface Criterion {
  fields: CriterionField[];
  /** How alike a spelling must be, 0.3 to 1. */
  threshold: number;
  isSure: boolean;
}

const THRESHOLD = 0.6;

const COMPARABLE = (
  'TEXT RICH_TEXT FULL_NAME EMAILS PHONES LINKS ADDRESS NUMBER NUMERIC CURRENCY PERCENT DURATION RATING BOOLEAN DATE DATE_TIME ' +
  'SELECT COLOR UUID AUTO_NUMBER RELATION MEMBER'
).split(' ');
const WORDS: FieldType[] = ['TEXT', 'RICH_TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS', 'ADDRESS'];
const SPELT: FieldType[] = ['TEXT', 'FULL_NAME', 'EMAILS', 'LINKS', 'ADDRESS'];

export const isComparable = (type: FieldType): boolean => COMPARABLE.includes(type);

export function comparisonsOf(type: FieldType): Comparison[] {
  return [
    'ALIKE',
    ...(WORDS.includes(type) ? (['EXACT'] as const) : []),
    ...(SPELT.includes(type) ? (['SIMILAR'] as const) : []),
    ...(type === 'EMAILS' || type === 'LINKS' ? (['DOMAIN'] as const) : []),
  ];
}

/** What does not count, in the words of a choice. */
export function comparisonText(type: FieldType, by: Comparison): string {
  if (by === 'EXACT') return t('exactly the same');
  if (by === 'SIMILAR') return t('spelt alike');
  if (by === 'DOMAIN') return t('same domain');
  if (type === 'PHONES') return t('same number, however it is written');
  if (type === 'EMAILS') return t('same, but for case');
  if (type === 'LINKS') return t('same address, with or without www');
  return WORDS.includes(type) ? t('same, but for case and accents') : t('the same');
}

export function readCriteria(object: ModelObject): Criterion[] {
  return object.duplicateCriteria.map((stored) => {
    const fields = Array.isArray(stored) ? stored : stored.fields;
    return {
      fields: fields.map((field) =>
        typeof field === 'string' ? { id: field, by: 'ALIKE' } : { id: field.id, by: field.by ?? 'ALIKE' },
      ),
      threshold: (Array.isArray(stored) ? undefined : stored.threshold) ?? THRESHOLD,
      isSure: !Array.isArray(stored) && stored.isSure === true,
    };
  });
}

/** A criterion that says nothing but its fields is written as the list of them. */
export function writeCriteria(criteria: Criterion[]): StoredCriterion[] {
  return criteria
    .filter(({ fields }) => fields.length > 0)
    .map(({ fields, threshold, isSure }) => {
      const spelt = fields.some(({ by }) => by === 'SIMILAR');
      const given = fields.map(({ id, by }) => (by === 'ALIKE' ? id : { id, by }));
      if (!isSure && given.every((field) => typeof field === 'string')) return given;
      return { fields: given, ...(spelt ? { threshold } : {}), ...(isSure && canBeSure(fields) ? { isSure } : {}) };
    });
}

export const canBeSure = (fields: CriterionField[]): boolean =>
  fields.length > 0 && fields.every(({ by }) => by === 'ALIKE' || by === 'EXACT');

export const newCriterion = (id: string): Criterion => ({
  fields: [{ id, by: 'ALIKE' }],
  threshold: THRESHOLD,
  isSure: false,
});
