import type { FieldModel } from '../model.ts';
import { literal } from '../sql.ts';
import { parseDuration } from '../values/duration.ts';
import { parseMoney } from '../values/money.ts';
import { parseDecimal } from '../values/number.ts';

const SIGNS: { [operand: string]: string } = {
  IS: '=',
  GREATER_THAN: '>',
  GREATER_THAN_OR_EQUAL: '>=',
  LESS_THAN: '<',
  LESS_THAN_OR_EQUAL: '<=',
};

/** A number as the column holds it, of what people write in a filter: fractions as percentages, durations as minutes. */
function measured(field: FieldModel, value: unknown): string | null {
  const text = String(value ?? '').trim();
  const type = field.resultType ?? field.type;
  const number = parseDecimal(text.replace(/%$/, ''));
  if (type === 'CURRENCY') {
    const money = parseMoney(text);
    return 'micros' in money ? money.micros : null;
  }
  if (type === 'DURATION') {
    if (typeof number === 'string') return `${number}::numeric * 60`;
    const seconds = parseDuration(text);
    return typeof seconds === 'string' ? seconds : null;
  }
  if (typeof number !== 'string') return null;
  return type === 'PERCENT' || field.settings.type === 'percentage' ? `${number}::numeric / 100` : number;
}

/** A comparison of a number; null where its value is none. */
export function measureSql(name: string, field: FieldModel, operand: string, value: unknown): string | null {
  const numeric = (text: string) => (text.includes('::') ? `(${text})` : `${literal(text)}::numeric`);
  if (operand === 'BETWEEN') {
    const ends = (Array.isArray(value) ? value : []).map((each) => measured(field, each));
    if (ends.length !== 2 || ends.includes(null)) return null;
    const [one, other] = ends.map((each) => numeric(each!));
    return `${name} between symmetric ${one} and ${other}`;
  }
  const number = measured(field, value);
  if (number === null) return null;
  // What is empty is no such number, either.
  if (operand === 'IS_NOT') return `${name} is distinct from ${numeric(number)}`;
  return SIGNS[operand] ? `${name} ${SIGNS[operand]} ${numeric(number)}` : null;
}
