import { t } from '../../language/t.ts';
import { deviceTimeZone } from '../../model/formats.ts';

interface Choice {
  value: string;
  label: string;
}

/** The languages and regions that people write dates and numbers in; a browser offers those that it knows. */
const TAGS = // no text
  'en en-GB en-US en-AU en-CA en-IE en-IN en-NZ en-ZA ar ar-AE ar-EG ar-SA bg bn ca cs cy da de de-AT de-CH el es es-AR es-CL es-CO es-MX et eu fa fi fr fr-BE fr-CA fr-CH ga gl gu he hi hr hu hy id is it it-CH ja ka kk km ko lt lv mk mr ms nb nl nl-BE pa pl pt pt-BR ro ru sk sl sq sr sv sw ta te th tr uk ur uz vi zh-CN zh-HK zh-TW';

/** In their own words, and in English for who looks for one by that; also the present one, whichever it is. */
export function languages(present: string): Choice[] {
  const inEnglish = new Intl.DisplayNames('en', { type: 'language' });
  const tags = new Set([...TAGS.split(' '), present].filter((tag) => /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(tag)));
  return Intl.DisplayNames.supportedLocalesOf([...tags]).map((tag) => {
    const english = inEnglish.of(tag) ?? tag;
    const itself = new Intl.DisplayNames(tag, { type: 'language' }).of(tag) ?? tag;
    return { value: tag, label: itself.toLowerCase() === english.toLowerCase() ? english : `${english} (${itself})` };
  });
}

export function timeZones(present: string): Choice[] {
  const timeZone = deviceTimeZone();
  return [
    { value: 'system', label: t('That of the device ({timeZone})', { timeZone: timeZone.replaceAll('_', ' ') }) },
    ...[...new Set([...(present === 'system' ? [] : [present]), 'UTC', ...Intl.supportedValuesOf('timeZone')])]
      .toSorted()
      .map((zone) => ({ value: zone, label: zone.replaceAll('_', ' ') })),
  ];
}
