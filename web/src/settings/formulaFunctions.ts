import type { FormulaContext } from '../model/inquiries.ts';

/** The functions of the formula language, as they are written and with what each gives. */
export interface FormulaFunction {
  usage: string;
  hint: string;
}

const listed = (lines: [usage: string, hint: string][]): FormulaFunction[] =>
  lines.map(([usage, hint]) => ({ usage, hint }));

const FORMULA_FUNCTIONS = listed([
  ['if(condition, value, otherwise)', 'One value or another'],
  ['switch(value, "A", result, …, otherwise)', 'The result that belongs to the value'],
  ['and(condition, condition, …)', 'Whether all are true'],
  ['or(condition, condition, …)', 'Whether any is true'],
  ['not(condition)', 'Whether it is not true'],
  ['isEmpty(value)', 'Whether there is none'],
  ['coalesce(value, value, …)', 'The first that is not empty'],
  ['concat(value, value, …)', 'All as one text'],
  ['min(value, value, …)', 'The smallest'],
  ['max(value, value, …)', 'The largest'],
  ['upper(text)', 'In capitals'],
  ['lower(text)', 'In small letters'],
  ['trim(text)', 'Without spaces around it'],
  ['left(text, count)', 'The first characters'],
  ['right(text, count)', 'The last characters'],
  ['mid(text, start, count)', 'Characters from its middle'],
  ['length(text)', 'How many characters'],
  ['replace(text, old, new)', 'With one text for another'],
  ['contains(text, part)', 'Whether it has the part'],
  ['startsWith(text, beginning)', 'Whether it begins so'],
  ['endsWith(text, end)', 'Whether it ends so'],
  ['text(value)', 'A value as text'],
  ['number(value)', 'A text or a sum of money as a number'],
  ['percent(fraction)', 'A number as percent'],
  ['round(number, decimals)', 'Rounded'],
  ['floor(number)', 'Rounded down'],
  ['ceil(number)', 'Rounded up'],
  ['abs(number)', 'Without its sign'],
  ['mod(number, divisor)', 'What a division leaves'],
  ['power(base, exponent)', 'A power'],
  ['sqrt(number)', 'A square root'],
  ['date(year, month, day)', 'A day'],
  ['dateTime(year, month, day, hour, minute, second)', 'A moment'],
  ['dateAdd(date, count, "day")', 'A date moved on'],
  ['dateDiff(from, to, "day")', 'Time between two dates'],
  ['startOf(date, "month")', 'The first day of its week, month or year'],
  ['year(date)', 'Its year'],
  ['quarter(date)', 'Its quarter'],
  ['month(date)', 'Its month'],
  ['week(date)', 'Its week of the year'],
  ['day(date)', 'Its day of the month'],
  ['weekday(date)', '1 for Monday to 7 for Sunday'],
  ['hour(dateTime)', 'Its hour'],
  ['minute(dateTime)', 'Its minute'],
  ['second(dateTime)', 'Its second'],
  ['money(number, "EUR")', 'A number as money'],
  ['amount(money)', 'Money as a number'],
  ['currency(money)', 'The code of its currency'],
  ['duration(count, "hour")', 'A length of time'],
]);

/** Only where a value is made once, as a default is: a formula must give the same whenever it is read. */
const DEFAULT_FUNCTIONS = listed([
  ['now()', 'This moment'],
  ['today()', 'This day'],
  ['currentMember()', 'Whoever creates the record'],
]);

/** What a policy of the database can ask without losing its indexes. */
const RULE_FUNCTIONS = listed([
  ['currentMember()', 'Whoever looks'],
  ['myTeam()', 'The members of the teams of whoever looks, as in: owner in myTeam()'],
  ['below()', 'Whoever looks, and the members of the teams that he leads and of those beneath'],
  ['isEmpty(value)', 'Whether there is none'],
  ['not(condition)', 'Whether it is not true'],
  ['now()', 'This moment'],
  ['today()', 'This day'],
]);

export function functionsOf(context: FormulaContext): FormulaFunction[] {
  if (context === 'RULE') return RULE_FUNCTIONS;
  return context === 'DEFAULT' ? [...DEFAULT_FUNCTIONS, ...FORMULA_FUNCTIONS] : FORMULA_FUNCTIONS;
}

/** What is written when a function is chosen; the caret is left where the first argument goes. */
export const insertion = (usage: string): string =>
  usage.endsWith('()') ? usage : usage.slice(0, usage.indexOf('(') + 1);
