import type { FormulaContext } from '../model/inquiries.ts';
import { t } from '../language/t.ts';

/** The functions of the formula language, as they are written and with what each gives. */
export interface FormulaFunction {
  usage: string;
  hint: string;
}

const listed = (lines: [usage: string, hint: string][]): FormulaFunction[] =>
  lines.map(([usage, hint]) => ({ usage, hint }));

const FORMULA_FUNCTIONS = listed([
  ['if(condition, value, otherwise)', t('One value or another')],
  ['switch(value, "A", result, …, otherwise)', t('The result that belongs to the value')],
  ['and(condition, condition, …)', t('Whether all are true')],
  ['or(condition, condition, …)', t('Whether any is true')],
  ['not(condition)', t('Whether it is not true')],
  ['isEmpty(value)', t('Whether there is none')],
  ['coalesce(value, value, …)', t('The first that is not empty')],
  ['concat(value, value, …)', t('All as one text')],
  ['min(value, value, …)', t('The smallest')],
  ['max(value, value, …)', t('The largest')],
  ['upper(text)', t('In capitals')],
  ['lower(text)', t('In small letters')],
  ['trim(text)', t('Without spaces around it')],
  ['left(text, count)', t('The first characters')],
  ['right(text, count)', t('The last characters')],
  ['mid(text, start, count)', t('Characters from its middle')],
  ['length(text)', t('How many characters')],
  ['replace(text, old, new)', t('With one text for another')],
  ['contains(text, part)', t('Whether it has the part')],
  ['startsWith(text, beginning)', t('Whether it begins so')],
  ['endsWith(text, end)', t('Whether it ends so')],
  ['text(value)', t('A value as text')],
  ['number(value)', t('A text or a sum of money as a number')],
  ['percent(fraction)', t('A number as percent')],
  ['round(number, decimals)', t('Rounded')],
  ['floor(number)', t('Rounded down')],
  ['ceil(number)', t('Rounded up')],
  ['abs(number)', t('Without its sign')],
  ['mod(number, divisor)', t('What a division leaves')],
  ['power(base, exponent)', t('A power')],
  ['sqrt(number)', t('A square root')],
  ['date(year, month, day)', t('A day')],
  ['dateTime(year, month, day, hour, minute, second)', t('A moment')],
  ['dateAdd(date, count, "day")', t('A date moved on')],
  ['dateDiff(from, to, "day")', t('Time between two dates')],
  ['startOf(date, "month")', t('The first day of its week, month or year')],
  ['year(date)', t('Its year')],
  ['quarter(date)', t('Its quarter')],
  ['month(date)', t('Its month')],
  ['week(date)', t('Its week of the year')],
  ['day(date)', t('Its day of the month')],
  ['weekday(date)', t('1 for Monday to 7 for Sunday')],
  ['hour(dateTime)', t('Its hour')],
  ['minute(dateTime)', t('Its minute')],
  ['second(dateTime)', t('Its second')],
  ['money(number, "EUR")', t('A number as money')],
  ['amount(money)', t('Money as a number')],
  ['currency(money)', t('The code of its currency')],
  ['duration(count, "hour")', t('A length of time')],
]);

/** Only where a value is made once, as a default is: a formula must give the same whenever it is read. */
const DEFAULT_FUNCTIONS = listed([
  ['now()', t('This moment')],
  ['today()', t('This day')],
  ['currentMember()', t('Whoever creates the record')],
]);

/** What a policy of the database can ask without losing its indexes. */
const RULE_FUNCTIONS = listed([
  ['currentMember()', t('Whoever looks')],
  ['myTeam()', t('The members of the teams of whoever looks, as in: owner in myTeam()')],
  ['below()', t('Whoever looks, and the members of the teams that he leads and of those beneath')],
  ['isEmpty(value)', t('Whether there is none')],
  ['not(condition)', t('Whether it is not true')],
  ['now()', t('This moment')],
  ['today()', t('This day')],
]);

export function functionsOf(context: FormulaContext): FormulaFunction[] {
  if (context === 'RULE') return RULE_FUNCTIONS;
  return context === 'DEFAULT' ? [...DEFAULT_FUNCTIONS, ...FORMULA_FUNCTIONS] : FORMULA_FUNCTIONS;
}

/** What is written when a function is chosen; the caret is left where the first argument goes. */
export const insertion = (usage: string): string =>
  usage.endsWith('()') ? usage : usage.slice(0, usage.indexOf('(') + 1);
