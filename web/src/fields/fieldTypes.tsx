import {
  IconAlignLeft,
  IconArrowUpRight,
  IconBraces,
  IconCalendar,
  IconCalendarClock,
  IconCurrencyDollar,
  IconHash,
  IconLink,
  IconList,
  IconMail,
  IconMapPin,
  IconPaperclip,
  IconPhone,
  IconSelect,
  IconStar,
  IconTags,
  IconToggleLeft,
  IconTypography,
  IconUser,
  IconUserCircle,
  type Icon,
} from '@tabler/icons-react';
import type { FieldType } from '../model/types.ts';

interface TypeInfo {
  label: string;
  icon: Icon;
  /** How wide a column of this type is before anyone says otherwise. */
  width: number;
  align?: 'right';
}

export const FIELD_TYPES: { [type in FieldType]: TypeInfo } = {
  TEXT: { label: 'Text', icon: IconTypography, width: 170 },
  NUMBER: { label: 'Number', icon: IconHash, width: 110, align: 'right' },
  NUMERIC: { label: 'Exact number', icon: IconHash, width: 110, align: 'right' },
  BOOLEAN: { label: 'Yes or no', icon: IconToggleLeft, width: 120 },
  DATE: { label: 'Date', icon: IconCalendar, width: 120 },
  DATE_TIME: { label: 'Date and time', icon: IconCalendarClock, width: 165 },
  UUID: { label: 'Identifier', icon: IconHash, width: 200 },
  SELECT: { label: 'Select', icon: IconSelect, width: 140 },
  MULTI_SELECT: { label: 'Multi-select', icon: IconTags, width: 200 },
  RATING: { label: 'Rating', icon: IconStar, width: 120 },
  ARRAY: { label: 'List of texts', icon: IconList, width: 180 },
  RAW_JSON: { label: 'JSON', icon: IconBraces, width: 180 },
  RICH_TEXT: { label: 'Long text', icon: IconAlignLeft, width: 240 },
  POSITION: { label: 'Position', icon: IconHash, width: 100 },
  FULL_NAME: { label: 'Full name', icon: IconUser, width: 190 },
  EMAILS: { label: 'E-mail', icon: IconMail, width: 220 },
  PHONES: { label: 'Phone', icon: IconPhone, width: 160 },
  LINKS: { label: 'Link', icon: IconLink, width: 180 },
  CURRENCY: { label: 'Currency', icon: IconCurrencyDollar, width: 140, align: 'right' },
  ADDRESS: { label: 'Address', icon: IconMapPin, width: 240 },
  ACTOR: { label: 'Actor', icon: IconUserCircle, width: 150 },
  FILES: { label: 'Files', icon: IconPaperclip, width: 120 },
  RELATION: { label: 'Relation', icon: IconArrowUpRight, width: 180 },
  MORPH_RELATION: { label: 'Relation to several', icon: IconArrowUpRight, width: 180 },
  TS_VECTOR: { label: 'Search', icon: IconHash, width: 100 },
};
