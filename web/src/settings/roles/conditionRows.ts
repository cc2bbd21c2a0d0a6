import { valueType } from '../../model/valueType.ts';
import type { ModelField, ModelObject } from '../../model/types.ts';
import { t } from '../../language/t.ts';

/** The common conditions of a record rule as rows of a form, read from and written as the text of the rule. */

export type RowKind = 'ME' | 'TEAM' | 'BELOW' | 'CREATED' | 'SELECT' | 'NUMBER' | 'BOOLEAN';
export type NumberOperator = '=' | '>' | '>=' | '<' | '<=';

export interface ConditionRow {
  kind: RowKind;
  /** API name; none for the creator. */
  field: string;
  operator: NumberOperator;
  values: string[];
}

export interface Condition {
  joins: 'and' | 'or';
  rows: ConditionRow[];
}

export const WHOSE: { value: 'ME' | 'TEAM' | 'BELOW'; label: string }[] = [
  { value: 'ME', label: t('is the member') },
  { value: 'TEAM', label: t('is in a team of the member') },
  { value: 'BELOW', label: t('is the member or below') },
];

export const NUMBER_OPERATORS: NumberOperator[] = ['=', '>', '>=', '<', '<='];

export type Answer = 'MEMBER' | 'SELECT' | 'NUMBER' | 'BOOLEAN';

/** What a row asks of a field; null where only a formula can say it. */
export function answerOf(field: ModelField, memberObjectId: string | undefined): Answer | null {
  if (!field.isActive || field.isSystem) return null;
  if (field.type === 'MEMBER') return 'MEMBER';
  if (field.type === 'RELATION') return field.relations[0]?.targetObjectId === memberObjectId ? 'MEMBER' : null;
  const type = valueType(field);
  if (type === 'SELECT') return 'SELECT';
  if (type === 'BOOLEAN') return 'BOOLEAN';
  return type === 'NUMBER' || type === 'CURRENCY' || type === 'PERCENT' ? 'NUMBER' : null;
}

const quoted = (value: string): string => `"${value.replaceAll('"', '""')}"`;

export const isComplete = (row: ConditionRow): boolean =>
  row.kind === 'CREATED' ||
  (row.field !== '' &&
    (row.kind === 'SELECT'
      ? row.values.length > 0
      : row.kind === 'NUMBER'
        ? /^-?\d+(\.\d+)?$/.test(row.values[0] ?? '')
        : true));

function rowText({ kind, field, operator, values }: ConditionRow): string {
  switch (kind) {
    case 'ME':
      return `${field} = currentMember()`;
    case 'TEAM':
      return `${field} in myTeam()`; // no text
    case 'BELOW':
      return `${field} in below()`; // no text
    case 'CREATED':
      return 'createdBy.memberId = currentMember()'; // no text
    case 'SELECT':
      return values.length === 1
        ? `${field} = ${quoted(values[0] ?? '')}`
        : t('{field} in ({values})', { field, values: values.map(quoted).join(', ') });
    case 'NUMBER':
      return `${field} ${operator} ${values[0]}`;
    case 'BOOLEAN':
      return `${field} = ${values[0] === 'false' ? 'false' : 'true'}`;
  }
}

export const conditionText = ({ joins, rows }: Condition): string =>
  rows.filter(isComplete).map(rowText).join(` ${joins} `);

/** Cuts at a word outside quotes and brackets; null when the text holds both words there. */
function parts(text: string): { joins: Condition['joins']; pieces: string[] } | null {
  const pieces: string[] = [];
  const found = new Set<string>();
  let depth = 0;
  let isQuoted = false;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (letter === '"') isQuoted = !isQuoted;
    if (isQuoted) continue;
    if (letter === '(') depth++;
    if (letter === ')') depth--;
    const word = depth === 0 ? /^\s(and|or)\s/.exec(text.slice(at))?.[1] : undefined;
    if (!word) continue;
    found.add(word);
    pieces.push(text.slice(from, at));
    at += word.length + 1;
    from = at;
  }
  pieces.push(text.slice(from));
  if (found.size > 1) return null;
  return { joins: found.has('or') ? 'or' : 'and', pieces: pieces.map((piece) => piece.trim()) };
}

const NAME = '([A-Za-z_][A-Za-z0-9_]*)';
const strings = (text: string): string[] =>
  [...text.matchAll(/"((?:[^"]|"")*)"/g)].map((each) => (each[1] ?? '').replaceAll('""', '"'));

function readRow(object: ModelObject, memberObjectId: string | undefined, text: string): ConditionRow | null {
  const row = (kind: RowKind, field: string, values: string[] = [], operator: NumberOperator = '='): ConditionRow => ({
    kind,
    field,
    operator,
    values,
  });
  if (/^createdBy\.memberId = currentMember\(\)$/.test(text)) return row('CREATED', '');
  const match = new RegExp(`^${NAME} (=|>=|<=|>|<|in) (.+)$`, 's').exec(text);
  const [, name = '', operator = '', right = ''] = match ?? [];
  const field = object.fields.find((each) => each.name === name);
  const answer = field ? answerOf(field, memberObjectId) : null;
  if (answer === 'MEMBER') {
    if (operator === '=' && right === 'currentMember()') return row('ME', name);
    if (operator === 'in' && right === 'myTeam()') return row('TEAM', name);
    if (operator === 'in' && right === 'below()') return row('BELOW', name);
  }
  if (answer === 'SELECT') {
    if (operator === '=' && /^"(?:[^"]|"")*"$/.test(right)) return row('SELECT', name, strings(right));
    if (operator === 'in' && /^\((?:\s*"(?:[^"]|"")*"\s*,?)+\)$/.test(right))
      return row('SELECT', name, strings(right));
  }
  if (answer === 'NUMBER' && operator !== 'in' && /^-?\d+(\.\d+)?$/.test(right))
    return row('NUMBER', name, [right], operator as NumberOperator);
  if (answer === 'BOOLEAN' && operator === '=' && (right === 'true' || right === 'false'))
    return row('BOOLEAN', name, [right]);
  return null;
}

/** The rows that say the same as the text; null when only the text can say it. */
export function readCondition(object: ModelObject, memberObjectId: string | undefined, text: string): Condition | null {
  if (text.trim() === '') return { joins: 'and', rows: [] };
  const cut = parts(text.trim());
  if (!cut) return null;
  const rows = cut.pieces.map((piece) => readRow(object, memberObjectId, piece));
  return rows.some((row) => row === null) ? null : { joins: cut.joins, rows: rows as ConditionRow[] };
}
