export interface Place {
  street1: string | null;
  city: string | null;
  state: string | null;
  country: string | null;
}

const US_STATES = new Set(
  'alabama,alaska,arizona,arkansas,california,colorado,connecticut,delaware,d.c.,district of columbia,florida,georgia,hawaii,idaho,illinois,indiana,iowa,kansas,kentucky,louisiana,maine,maryland,massachusetts,michigan,minnesota,mississippi,missouri,montana,nebraska,nevada,new hampshire,new jersey,new mexico,new york,north carolina,north dakota,ohio,oklahoma,oregon,pennsylvania,puerto rico,rhode island,south carolina,south dakota,tennessee,texas,utah,vermont,virginia,washington,west virginia,wisconsin,wyoming'.split(','),
); // prettier-ignore
const US_STATE_CODES = new Set(
  'al,ak,az,ar,ca,co,ct,dc,de,fl,ga,hi,ia,id,il,in,ks,ky,la,ma,md,me,mi,mn,mo,ms,mt,nc,nd,ne,nh,nj,nm,nv,ny,oh,ok,or,pa,pr,ri,sc,sd,tn,tx,ut,va,vt,wa,wi,wv,wy'.split(','),
); // prettier-ignore

let countries: Map<string, string> | null = null;

/** The English name of a country given by name or ISO code; null when it is none. */
export function countryName(text: string): string | null {
  if (countries === null) {
    countries = new Map([['uk', 'United Kingdom'], ['u.k.', 'United Kingdom'], ['england', 'United Kingdom'], ['usa', 'United States'], ['u.s.', 'United States'], ['u.s.a.', 'United States'], ['uae', 'United Arab Emirates']]); // prettier-ignore
    const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
    for (let first = 65; first <= 90; first++)
      for (let second = 65; second <= 90; second++) {
        const code = String.fromCharCode(first, second);
        const name = names.of(code);
        if (name === undefined || ['EU', 'EZ', 'UN', 'XA', 'XB', 'ZZ', 'QO'].includes(code)) continue;
        countries.set(code.toLowerCase(), name).set(name.toLowerCase(), name);
      }
  }
  return countries.get(text.trim().toLowerCase()) ?? null;
}

/**
 * "City, State", "City, Country", "Street, City, State": a place in one cell, read from its end.
 * Footnote marks of copied tables ("Virginia[2]") and a second place after a semicolon are left out.
 */
export function parsePlace(cell: string): Place | null {
  const text =
    cell
      .split(';')[0]
      ?.replace(/\[\d+\]/g, '')
      .trim() ?? '';
  if (/^(none|n\/?a|unknown|-)?$/i.test(text)) return null;
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const place: Place = { street1: null, city: null, state: null, country: null };
  const last = parts.at(-1) ?? '';
  const isState = US_STATES.has(last.toLowerCase());
  // Two letters are a state before they are a country ("Wilmington, DE"), but do not prove one.
  const isCode = US_STATE_CODES.has(last.toLowerCase());
  const country = isState || isCode || parts.length < 2 ? null : countryName(last);
  if ((isState || isCode) && parts.length > 1) {
    place.state = last;
    // Georgia is a state and a country, so it tells neither.
    place.country = isState && last !== 'Georgia' ? 'United States' : null;
    parts.pop();
  } else if (country !== null) {
    place.country = country;
    parts.pop();
    if (parts.length > 1) place.state = parts.pop() ?? null;
  } else if (parts.length > 1) {
    place.state = parts.pop() ?? null;
  }
  place.city = parts.pop() ?? null;
  place.street1 = parts.length > 0 ? parts.join(', ') : null;
  return place;
}
