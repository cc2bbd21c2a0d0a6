/** How the member reads dates, times and numbers. Chosen in the profile; read by whatever writes one of them. */
export interface Formats {
  dateFormat: 'SYSTEM' | 'MONTH_FIRST' | 'DAY_FIRST' | 'YEAR_FIRST';
  timeFormat: 'SYSTEM' | 'HOUR_12' | 'HOUR_24';
  numberFormat: 'SYSTEM' | 'COMMAS_AND_DOT' | 'SPACES_AND_COMMA' | 'DOTS_AND_COMMA' | 'APOSTROPHE_AND_DOT';
}

export const PLAIN_FORMATS: Formats = { dateFormat: 'SYSTEM', timeFormat: 'SYSTEM', numberFormat: 'SYSTEM' };

let chosen = PLAIN_FORMATS;

export const formats = (): Formats => chosen;

export const setFormats = ({ dateFormat, timeFormat, numberFormat }: Formats): void => {
  chosen = { dateFormat, timeFormat, numberFormat };
};

/** A space that no line breaks at stands between thousands. */
const SIGNS = {
  SYSTEM: null,
  COMMAS_AND_DOT: null,
  SPACES_AND_COMMA: { ',': '\u202f', '.': ',' },
  DOTS_AND_COMMA: { ',': '.', '.': ',' },
  APOSTROPHE_AND_DOT: { ',': '’', '.': '.' },
} as const;

/** A number as English writes it, with the signs that the member reads. */
export function withSigns(number: string): string {
  const signs = SIGNS[chosen.numberFormat];
  return signs === null ? number : number.replaceAll(/[,.](?=\d)/g, (sign) => signs[sign as ',' | '.']);
}

/** 15:05, or 3:05 PM. */
export function timeOfDay(time: string): string {
  if (chosen.timeFormat !== 'HOUR_12') return time;
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return `${hour % 12 || 12}:${String(minute).padStart(2, '0')} ${hour < 12 ? 'AM' : 'PM'}`;
}
