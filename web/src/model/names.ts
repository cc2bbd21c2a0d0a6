/** Previews of the names that the database will derive from a label, so that nobody is surprised by them later. */

const words = (label: string): string[] =>
  label
    .normalize('NFKD')
    .replace(/[\u0300-\u036f'’]/g, '')
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean);

export function apiName(label: string): string {
  const [first = '', ...rest] = words(label).map((word) => word.toLowerCase());
  const name = first + rest.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return /^[0-9]/.test(name) ? `n${name}` : name;
}

export const optionValue = (label: string): string => words(label).join('_').toUpperCase() || 'OPTION';

/** A guess that the form fills in and people may correct. */
export function plural(label: string): string {
  if (label === '') return '';
  if (/[^aeiou]y$/i.test(label)) return `${label.slice(0, -1)}ies`;
  if (/(s|x|z|ch|sh)$/i.test(label)) return `${label}es`;
  return `${label}s`;
}
