import { parseDecimal } from './number.ts';
import { Unreadable, quote } from './unreadable.ts';

/** "48.2082, 16.3738", "48.2082 16.3738" or "48.2082° N, 16.3738° E": latitude and longitude. */
export function parseLocation(cell: string): readonly [string, string] | Unreadable {
  const match = /^([+-]?[\d.]+)\s*°?\s*([ns])?\s*[,;\s]\s*([+-]?[\d.]+)\s*°?\s*([ew])?$/i.exec(cell.trim());
  if (!match) return new Unreadable(`${quote(cell)} is not a location such as 48.2082, 16.3738`);
  const [, latText = '', south = '', lngText = '', west = ''] = match;
  const lat = parseDegrees(latText, 90);
  const lng = parseDegrees(lngText, 180);
  if (lat instanceof Unreadable) return lat;
  if (lng instanceof Unreadable) return lng;
  return [south.toLowerCase() === 's' ? negated(lat) : lat, west.toLowerCase() === 'w' ? negated(lng) : lng];
}

/** Degrees of latitude (at most 90) or longitude (at most 180). */
export function parseDegrees(cell: string, most: number): string | Unreadable {
  const text = parseDecimal(cell);
  if (text instanceof Unreadable) return text;
  if (Math.abs(Number(text)) > most)
    return new Unreadable(`${quote(cell)} is not between -${most} and ${most} degrees`);
  return text;
}

function negated(degrees: string): string {
  return degrees.startsWith('-') ? degrees.slice(1) : `-${degrees}`;
}
