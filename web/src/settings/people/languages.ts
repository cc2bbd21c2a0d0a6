interface Choice {
  value: string;
  label: string;
}

/** The languages and regions that people write dates and numbers in; a browser offers those that it knows. */
const TAGS =
  'en en-GB en-US en-AU en-CA en-IE en-IN en-NZ en-ZA ar ar-AE ar-EG ar-SA bg bn ca cs cy da de de-AT de-CH el es es-AR es-CL es-CO es-MX et eu ' +
  'fa fi fr fr-BE fr-CA fr-CH ga gl gu he hi hr hu hy id is it it-CH ja ka kk km ko lt lv mk mr ms nb nl nl-BE pa pl pt pt-BR ro ru sk sl sq sr ' +
  'sv sw ta te th tr uk ur uz vi zh-CN zh-HK zh-TW';

/** In their own words, and in English for who looks for one by that. */
export function languages(): Choice[] {
  const inEnglish = new Intl.DisplayNames('en', { type: 'language' });
  return Intl.DateTimeFormat.supportedLocalesOf(TAGS.split(' ')).map((tag) => {
    const english = inEnglish.of(tag) ?? tag;
    const itself = new Intl.DisplayNames(tag, { type: 'language' }).of(tag) ?? tag;
    return { value: tag, label: itself.toLowerCase() === english.toLowerCase() ? english : `${english} (${itself})` };
  });
}

export function timeZones(): Choice[] {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return [
    { value: 'system', label: `That of the device (${timeZone.replaceAll('_', ' ')})` },
    ...['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')].map((zone) => ({
      value: zone,
      label: zone.replaceAll('_', ' '),
    })),
  ];
}

/** What was chosen elsewhere, where this browser does not offer it. */
export const withPresent = (choices: Choice[], present: string): Choice[] =>
  choices.some(({ value }) => value === present) ? choices : [{ value: present, label: present }, ...choices];
