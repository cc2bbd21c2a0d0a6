import { language } from './language.ts';

/** A label of the workspace as it stands within a sentence: small, but not in German, which writes nouns with a capital. */
export const inSentence = (label: string): string => (language === 'de' ? label : label.toLowerCase());
