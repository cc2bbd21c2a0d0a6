import { unitText, withSigns, compactText, countText } from './formats.ts';
import { objectById } from './lookup.ts';
import type { Model, ModelField, ModelObject } from './types.ts';
import { t } from '../language/t.ts';

/** Words about the model's own things, for lists and sentences of the settings. */

export function kindOf(object: ModelObject): string {
  if (object.isSystem) return t('System');
  if (object.isJunction) return t('Link');
  return object.isCustom ? t('Custom') : t('Standard');
}

/** The objects that a field leads to, by their labels. */
export function targetsOf(model: Model, field: ModelField): ModelObject[] {
  const ids = field.junction
    ? [field.junction.targetObjectId]
    : field.relations.map((relation) => relation.targetObjectId);
  return ids.flatMap((id) => objectById(model, id) ?? []);
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  const units = ['kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  let value = size / 1024;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 ? withSigns(value.toFixed(1)) : countText(Math.round(value))} ${unitText(value, units[unit] ?? 'byte', 'short')}`;
}

/** 1,234 when it was counted, about 1.2 M when it was estimated. */
export const roughly = (n: number, exact: boolean): string => (exact ? countText(n) : `~${compactText(n)}`);
