import {
  IconAlignLeft,
  IconArrowsExchange,
  IconArrowUpRight,
  IconBraces,
  IconCalendar,
  IconCalendarClock,
  IconCurrencyDollar,
  IconCurrentLocation,
  IconHash,
  IconHourglass,
  IconLink,
  IconList,
  IconMail,
  IconMapPin,
  IconMathFunction,
  IconNumber,
  IconPalette,
  IconPaperclip,
  IconPercentage,
  IconPhone,
  IconSelect,
  IconStar,
  IconSum,
  IconTags,
  IconToggleLeft,
  IconTypography,
  IconUser,
  IconUserCheck,
  IconUserCircle,
  type Icon,
} from '@tabler/icons-react';
import type { FieldType } from '../model/types.ts';
import { t } from '../language/t.ts';

interface TypeInfo {
  label: string;
  icon: Icon;
  /** How wide a column of this type is before anyone says otherwise. */
  width: number;
  align?: 'right';
}

export const FIELD_TYPES: { [type in FieldType]: TypeInfo } = {
  TEXT: { label: t('Text'), icon: IconTypography, width: 170 },
  NUMBER: { label: t('Number'), icon: IconHash, width: 110, align: 'right' },
  NUMERIC: { label: t('Exact number'), icon: IconHash, width: 110, align: 'right' },
  BOOLEAN: { label: t('Yes or no'), icon: IconToggleLeft, width: 120 },
  DATE: { label: t('Date'), icon: IconCalendar, width: 120 },
  DATE_TIME: { label: t('Date and time'), icon: IconCalendarClock, width: 165 },
  UUID: { label: t('Identifier'), icon: IconHash, width: 200 },
  SELECT: { label: t('Select'), icon: IconSelect, width: 140 },
  MULTI_SELECT: { label: t('Multi-select'), icon: IconTags, width: 200 },
  RATING: { label: t('Rating'), icon: IconStar, width: 120 },
  ARRAY: { label: t('List of texts'), icon: IconList, width: 180 },
  RAW_JSON: { label: t('JSON'), icon: IconBraces, width: 180 },
  RICH_TEXT: { label: t('Long text'), icon: IconAlignLeft, width: 240 },
  POSITION: { label: t('Position'), icon: IconHash, width: 100 },
  FULL_NAME: { label: t('Full name'), icon: IconUser, width: 190 },
  EMAILS: { label: t('E-mail'), icon: IconMail, width: 220 },
  PHONES: { label: t('Phone'), icon: IconPhone, width: 160 },
  LINKS: { label: t('Link'), icon: IconLink, width: 180 },
  CURRENCY: { label: t('Currency'), icon: IconCurrencyDollar, width: 140, align: 'right' },
  ADDRESS: { label: t('Address'), icon: IconMapPin, width: 240 },
  ACTOR: { label: t('Actor'), icon: IconUserCircle, width: 150 },
  FILES: { label: t('Files'), icon: IconPaperclip, width: 120 },
  RELATION: { label: t('Relation'), icon: IconArrowUpRight, width: 180 },
  MORPH_RELATION: { label: t('Relation to several'), icon: IconArrowUpRight, width: 180 },
  TS_VECTOR: { label: t('Search'), icon: IconHash, width: 100 },
  FORMULA: { label: t('Formula'), icon: IconMathFunction, width: 150 },
  ROLLUP: { label: t('Rollup'), icon: IconSum, width: 130 },
  AUTO_NUMBER: { label: t('Auto-number'), icon: IconNumber, width: 120 },
  PERCENT: { label: t('Percent'), icon: IconPercentage, width: 110, align: 'right' },
  DURATION: { label: t('Duration'), icon: IconHourglass, width: 120, align: 'right' },
  MEMBER: { label: t('Member'), icon: IconUserCheck, width: 170 },
  MANY_TO_MANY: { label: t('Many-to-many'), icon: IconArrowsExchange, width: 200 },
  COLOR: { label: t('Colour'), icon: IconPalette, width: 120 },
  LOCATION: { label: t('Location'), icon: IconCurrentLocation, width: 180 },
};
