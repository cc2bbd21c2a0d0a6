import { open } from 'maxmind';
import type { CityResponse } from 'maxmind';

/** Says roughly where an address is, such as "Berlin, Germany"; null where that is not known. */
export interface Places {
  of: (address: string | null | undefined) => string | null;
}

/** Without a database nobody is asked: addresses of people are not sent to others. */
export const NO_PLACES: Places = { of: () => null };

/** Reads a database of places in MaxMind's format (GeoLite2 City, DB-IP City, …), and reads it again when its file changes. */
export async function openPlaces(path: string | null): Promise<Places> {
  if (path === null) return NO_PLACES;
  let reader;
  try {
    reader = await open<CityResponse>(path, { watchForUpdates: true, watchForUpdatesNonPersistent: true });
  } catch (cause) {
    throw new Error(`RELVAR_GEOIP names ${path}, which is no database of places in MaxMind's format.`, { cause });
  }
  return {
    of: (address) => {
      const found = address ? reader.get(address) : null;
      const parts = [found?.city?.names.en, found?.country?.names.en];
      return parts.filter((part) => part !== undefined).join(', ') || null;
    },
  };
}
