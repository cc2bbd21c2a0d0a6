import { language } from '../language/language.ts';
/** How the member reads dates, times and numbers. Chosen in the profile; read by whatever writes one of them. */
export interface Formats {
  dateFormat: 'SYSTEM' | 'MONTH_FIRST' | 'DAY_FIRST' | 'YEAR_FIRST';
  timeFormat: 'SYSTEM' | 'HOUR_12' | 'HOUR_24';
  numberFormat: 'SYSTEM' | 'COMMAS_AND_DOT' | 'SPACES_AND_COMMA' | 'DOTS_AND_COMMA' | 'APOSTROPHE_AND_DOT';
  /** BCP 47. What is SYSTEM above is as in this language; plain "en" is Relvar's own way, 29 Mar 2026 and 15:05. */
  locale: string;
  /** IANA, or "system" for that of the device. */
  timeZone: string;
}

export const PLAIN_FORMATS: Formats = {
  dateFormat: 'SYSTEM',
  timeFormat: 'SYSTEM',
  numberFormat: 'SYSTEM',
  locale: 'en',
  timeZone: 'system',
};

interface Signs {
  ',': string;
  '.': string;
}

/** A space that no line breaks at stands between thousands. */
const SIGNS: { [format in Formats['numberFormat']]: Signs | null } = {
  SYSTEM: null,
  COMMAS_AND_DOT: null,
  SPACES_AND_COMMA: { ',': '\u202f', '.': ',' },
  DOTS_AND_COMMA: { ',': '.', '.': ',' },
  APOSTROPHE_AND_DOT: { ',': '’', '.': '.' },
};

/** What the choices come to, found once: each cell of a table asks. */
interface Chosen extends Formats {
  signs: Signs | null;
  isHalfDay: boolean;
  /** Days as the language writes them; null where a format of the member's says how. */
  days: Intl.DateTimeFormat | null;
  /** Reads the clocks of the zone; null for the device's own. */
  clock: Intl.DateTimeFormat | null;
}

const DIGITS = { numberingSystem: 'latn', calendar: 'gregory' } as const;

/** Psql may have written anything there. */
function usable<Value>(make: () => Value): Value | null {
  try {
    return make();
  } catch {
    return null;
  }
}

function signsOf(locale: string): Signs | null {
  const parts = new Intl.NumberFormat(locale, { numberingSystem: 'latn' }).formatToParts(1_234_567.5);
  const sign = (type: string) => parts.find((part) => part.type === type)?.value;
  const group = sign('group') ?? ',';
  // A space that a line may break at is none to write a number with.
  return { ',': group.trim() === '' ? '\u202f' : group, '.': sign('decimal') ?? '.' };
}

function choose({ dateFormat, timeFormat, numberFormat, timeZone, locale: wanted }: Formats): Chosen {
  const locale = usable(() => Intl.getCanonicalLocales(wanted)[0]) ?? 'en';
  const isOwnWay = locale === 'en';
  const followsLanguage = (format: string) => format === 'SYSTEM' && !isOwnWay;
  return {
    dateFormat,
    timeFormat,
    numberFormat,
    locale,
    timeZone,
    signs: followsLanguage(numberFormat) ? signsOf(locale) : SIGNS[numberFormat],
    isHalfDay: followsLanguage(timeFormat)
      ? new Intl.DateTimeFormat(locale, { hour: 'numeric' }).resolvedOptions().hour12 === true
      : timeFormat === 'HOUR_12',
    days: followsLanguage(dateFormat)
      ? new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC', ...DIGITS })
      : null,
    clock:
      timeZone === 'system'
        ? null
        : usable(
            () =>
              new Intl.DateTimeFormat('en', {
                timeZone,
                hourCycle: 'h23',
                year: 'numeric',
                month: 'numeric',
                day: 'numeric',
                hour: 'numeric',
                minute: 'numeric',
                second: 'numeric',
                ...DIGITS,
              }),
          ),
  };
}

let chosen = choose(PLAIN_FORMATS);

export const formats = (): Readonly<Chosen> => chosen;

export const setFormats = (wanted: Formats): void => {
  chosen = choose(wanted);
};

/** A number as English writes it, with the signs that the member reads. */
export function withSigns(number: string): string {
  const { signs } = chosen;
  return signs === null ? number : number.replaceAll(/[,.](?=\d)/g, (sign) => signs[sign as ',' | '.']);
}

/** A whole number, with what stands between its thousands. */
export const countText = (count: number): string => withSigns(count.toLocaleString('en'));

/** A number with at most so many decimals, as the member reads it. */
export const decimalText = (amount: number, decimals: number): string =>
  withSigns(amount.toLocaleString('en', { maximumFractionDigits: decimals }));

/** As short as it goes: 1.2K. The unit is that of the language, the signs are those that the member reads. */
export const compactText = (amount: number): string =>
  new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1, ...DIGITS })
    .formatToParts(amount)
    .map(({ type, value }) =>
      type === 'decimal' ? withSigns('.0').slice(0, -1) : type === 'group' ? withSigns(',0').slice(0, -1) : value,
    )
    .join('');

/** How the language calls a unit of this amount: hours, Stunden, MB. */
export const unitText = (amount: number, unit: string, unitDisplay: 'long' | 'short' = 'long'): string =>
  new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay })
    .formatToParts(amount)
    .find(({ type }) => type === 'unit')?.value ?? unit;

/** The zone that the device is set to. */
export const deviceTimeZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** 15:05, or 3:05 PM. */
export function timeOfDay(time: string): string {
  if (!chosen.isHalfDay) return time;
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return `${hour % 12 || 12}:${String(minute).padStart(2, '0')} ${hour < 12 ? 'AM' : 'PM'}`; // no text
}

interface WeekInfo {
  firstDay: number;
  weekend: number[];
}

function weekInfo(): WeekInfo | undefined {
  if (chosen.locale === 'en') return undefined;
  const locale = new Intl.Locale(chosen.locale) as Intl.Locale & {
    getWeekInfo?: () => WeekInfo;
    weekInfo?: WeekInfo;
  };
  return locale.getWeekInfo?.() ?? locale.weekInfo;
}

/** The day that a week begins on where the member's language is spoken; 0 is Sunday. Relvar's own way is Monday. */
export const firstDayOfWeek = (): number => (weekInfo()?.firstDay ?? 1) % 7;

/** The days without work there; 0 is Sunday. */
export const weekendDays = (): number[] => (weekInfo()?.weekend ?? [6, 7]).map((day) => day % 7);
