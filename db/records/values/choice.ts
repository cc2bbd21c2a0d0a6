import { Unreadable, quote } from './unreadable.ts';

export interface Option {
  value: string;
  label: string;
}

const YES = new Set(['true', 't', 'yes', 'y', '1', 'on', 'x', '✓', '✔']);
const NO = new Set(['false', 'f', 'no', 'n', '0', 'off', '✗', '✘']);

export function parseBoolean(cell: string): string | Unreadable {
  const text = cell.trim().toLowerCase();
  if (YES.has(text)) return 'true';
  if (NO.has(text)) return 'false';
  return new Unreadable(`${quote(cell)} is neither yes nor no`);
}

/** Options are found by value or by label, and "In progress", "in-progress" and "IN_PROGRESS" are the same. */
export function choiceReader(options: readonly Option[]): (cell: string) => string | Unreadable {
  const byName = new Map<string, string>();
  for (const option of options) byName.set(fold(option.label), option.value);
  for (const option of options) byName.set(fold(option.value), option.value);
  const names = options.slice(0, 8).map((option) => option.label);
  const list = names.join(', ') + (options.length > names.length ? ', …' : '');
  return (cell) => byName.get(fold(cell)) ?? new Unreadable(`${quote(cell)} is not one of the options: ${list}`);
}

export function choicesReader(options: readonly Option[]): (cell: string) => string | Unreadable {
  const readOne = choiceReader(options);
  return (cell) => {
    // A label may hold the separator, so the whole cell is tried first.
    const whole = readOne(cell);
    if (typeof whole === 'string') return arrayLiteral([whole]);
    const values = new Set<string>();
    for (const item of splitList(cell)) {
      const value = readOne(item);
      if (value instanceof Unreadable) return value;
      values.add(value);
    }
    return arrayLiteral([...values]);
  };
}

function fold(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ');
}

/** "4", "4/5", "RATING_4" or four stars. */
export function parseRating(cell: string): string | Unreadable {
  const text = cell.trim();
  const stars = /^(★{1,5})☆{0,4}$/.exec(text)?.[1]?.length;
  const digit = /^(?:RATING_)?([1-5])(?:\s*\/\s*5)?$/i.exec(text)?.[1];
  if (stars !== undefined) return String(stars);
  return digit ?? new Unreadable(`${quote(cell)} is not a rating from 1 to 5`);
}

/** A list as a JSON array, or as texts between semicolons, else line breaks, else commas. */
export function splitList(cell: string): string[] {
  return jsonList(cell) ?? split(cell, cell.includes(';') ? ';' : cell.includes('\n') ? '\n' : ',');
}

/** The same for what records are called, in which commas are common: "Acme, Inc". */
export function splitLabels(cell: string): string[] {
  return jsonList(cell) ?? split(cell, cell.includes(';') ? ';' : '\n');
}

function jsonList(cell: string): string[] | null {
  const text = cell.trim();
  if (!text.startsWith('[')) return null;
  try {
    const values: unknown = JSON.parse(text);
    return Array.isArray(values) ? values.map(String) : null;
  } catch {
    // Not JSON after all: it is split like any other text.
    return null;
  }
}

function split(cell: string, separator: string): string[] {
  return cell
    .trim()
    .split(separator)
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** A text[] as PostgreSQL reads it. */
export function arrayLiteral(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replace(/[\\"]/g, '\\$&')}"`).join(',')}}`;
}
