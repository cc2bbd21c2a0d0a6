import type { AggregateInput } from './documents.ts';
import { textColumns } from './filters.ts';
import { decimalText } from './formats.ts';
import { formatValue } from './text.ts';
import type { ModelField } from './types.ts';
import { valueType } from './valueType.ts';
import { t } from '../language/t.ts';

/** What a column comes to. The database tells it for all that match. */
export const AGGREGATE_LABELS = {
  COUNT: t('Count all'),
  COUNT_NOT_EMPTY: t('Count filled'),
  COUNT_EMPTY: t('Count empty'),
  COUNT_UNIQUE_VALUES: t('Count unique'),
  PERCENTAGE_NOT_EMPTY: t('Percent filled'),
  PERCENTAGE_EMPTY: t('Percent empty'),
  COUNT_TRUE: t('Count yes'),
  COUNT_FALSE: t('Count no'),
  SUM: t('Sum'),
  AVG: t('Average'),
  MIN: t('Min'),
  MAX: t('Max'),
} as const;

export type AggregateName = keyof typeof AGGREGATE_LABELS;

const DATES: { [name in AggregateName]?: string } = { MIN: t('Earliest'), MAX: t('Latest') };

const isDate = (field: ModelField): boolean => ['DATE', 'DATE_TIME'].includes(valueType(field));

export const aggregateLabel = (field: ModelField, name: AggregateName): string =>
  (isDate(field) ? DATES[name] : undefined) ?? AGGREGATE_LABELS[name];

const ADDED_UP = ['NUMBER', 'NUMERIC', 'CURRENCY', 'PERCENT', 'DURATION', 'RATING'];

/** The columns that say together whether a field is empty. */
function emptinessOf(field: ModelField): string[] {
  if (field.relations.length > 0) return field.relations.map(({ columnName }) => columnName);
  const texts = textColumns(field);
  if (texts.length > 0) return texts;
  const leading = measured(field) ?? field.columns[0]?.name;
  return leading === undefined ? [] : [leading];
}

/** The column that is compared and added up. */
function measured(field: ModelField): string | undefined {
  const part = valueType(field) === 'CURRENCY' ? 'amountMicros' : '';
  return field.columns.find((column) => column.part === part)?.name;
}

const currencyOf = (field: ModelField): string | undefined =>
  valueType(field) === 'CURRENCY' ? field.columns.find(({ part }) => part === 'currencyCode')?.name : undefined;

export function aggregatesOf(field: ModelField): AggregateName[] {
  if (field.junction || emptinessOf(field).length === 0) return ['COUNT'];
  return [
    'COUNT',
    'COUNT_NOT_EMPTY',
    'COUNT_EMPTY',
    'COUNT_UNIQUE_VALUES',
    'PERCENTAGE_NOT_EMPTY',
    'PERCENTAGE_EMPTY',
    ...(valueType(field) === 'BOOLEAN' ? (['COUNT_TRUE', 'COUNT_FALSE'] as const) : []),
    ...(ADDED_UP.includes(valueType(field)) ? (['SUM', 'AVG', 'MIN', 'MAX'] as const) : []),
    ...(isDate(field) ? (['MIN', 'MAX'] as const) : []),
  ];
}

/** What the API is asked for one aggregate: of money also in which currencies it is. */
export function aggregateInputs(field: ModelField, name: AggregateName): AggregateInput[] {
  if (name === 'COUNT') return [{ function: name }];
  const isCounted = name.startsWith('COUNT_') || name.startsWith('PERCENTAGE_');
  if (isCounted) return [{ function: name, columns: emptinessOf(field) }];
  const column = measured(field);
  if (column === undefined) return [];
  const currency = currencyOf(field);
  return [
    { function: name, columns: [column] },
    ...(currency === undefined
      ? []
      : [
          { function: 'COUNT_UNIQUE_VALUES', columns: [currency] },
          { function: 'MIN', columns: [currency] },
        ]),
  ];
}

/** The answer in words, as a cell of the field would show it. */
export function aggregateText(field: ModelField, name: AggregateName, values: (string | null)[]): string {
  const [value = null, currencies = null, code = null] = values;
  if (value === null) return '–';
  if (name.startsWith('PERCENTAGE_')) return `${decimalText(Number(value), 2)}%`;
  if (name.startsWith('COUNT')) return decimalText(Number(value), 2);
  const type = valueType(field);
  if (type === 'CURRENCY') {
    if (Number(currencies) > 1) return t('Several currencies');
    return formatValue(field, { amountMicros: String(Math.round(Number(value))), currencyCode: code });
  }
  if (isDate(field)) return formatValue(field, value);
  if (type === 'PERCENT' || field.settings?.type === 'percentage' || type === 'DURATION')
    return formatValue(field, Number(value));
  return decimalText(Number(value), 2);
}
