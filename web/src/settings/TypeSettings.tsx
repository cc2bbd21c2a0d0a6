import { Checkbox, Group, MultiSelect, NumberInput, Select, TextInput } from '@mantine/core';
import { CURRENCIES } from '../model/money.ts';
import type { FieldSettings, FieldType } from '../model/types.ts';
import type { FieldDraft } from './fieldDraft.ts';
import { t } from '../language/t.ts';

interface TypeSettingsProps {
  draft: FieldDraft;
  onChange: (patch: Partial<FieldDraft>) => void;
}

const DATE_FORMATS = [
  { value: 'USER_SETTINGS', label: t('22 Nov 2026') },
  { value: 'RELATIVE', label: t('3 days ago') },
  { value: 'CUSTOM', label: t('By a pattern') },
];

const ADDRESS_PARTS = [
  { value: 'street1', label: t('Street') },
  { value: 'street2', label: t('Second line') },
  { value: 'postcode', label: t('Postcode') },
  { value: 'city', label: t('City') },
  { value: 'state', label: t('State') },
  { value: 'country', label: t('Country') },
  { value: 'lat', label: t('Latitude') },
  { value: 'lng', label: t('Longitude') },
];

const MEMBER_LEAVES = [
  { value: 'SET_NULL', label: t('The record stays, without them') },
  { value: 'CASCADE', label: t('The record is deleted with them') },
  { value: 'RESTRICT', label: t('They cannot be removed while a record names them') },
];

const SEVERAL: FieldType[] = ['ARRAY', 'EMAILS', 'PHONES', 'LINKS', 'FILES'];

/** The settings of one type, as small as that type's are. */
export function TypeSettings({ draft, onChange }: TypeSettingsProps) {
  const { type, settings } = draft;
  const set = (patch: FieldSettings) => {
    const next = { ...settings, ...patch };
    for (const key of Object.keys(next)) if (next[key] === undefined) delete next[key];
    onChange({ settings: next });
  };
  const decimals = (
    <NumberInput
      label={t('Decimals')}
      placeholder={t('As many as there are')}
      min={0}
      max={12}
      allowDecimal={false}
      value={settings.decimals ?? ''}
      onChange={(value) => set({ decimals: typeof value === 'number' ? value : undefined })}
    />
  );

  const format = (usual: 'full' | 'short', full: string, short: string) => (
    <Select
      label={t('Shown as')}
      data={[
        { value: 'full', label: full },
        { value: 'short', label: short },
      ]}
      value={typeof settings['format'] === 'string' ? settings['format'] : usual}
      onChange={(value) => set({ format: value && value !== usual ? value : undefined })}
      allowDeselect={false}
    />
  );

  switch (type) {
    case 'TEXT':
    case 'RICH_TEXT':
      return (
        <NumberInput
          label={t('Lines shown')}
          description={t('On the page of a record')}
          min={1}
          max={20}
          allowDecimal={false}
          value={typeof settings['displayedMaxRows'] === 'number' ? settings['displayedMaxRows'] : 1}
          onChange={(value) => set({ displayedMaxRows: typeof value === 'number' && value > 1 ? value : undefined })}
        />
      );
    case 'NUMBER': {
      const whole = settings.dataType === 'int' || settings.dataType === 'bigint';
      return (
        <>
          <Checkbox
            label={t('Whole numbers only')}
            checked={whole}
            onChange={(event) =>
              set({ dataType: event.currentTarget.checked ? 'int' : undefined, decimals: undefined })
            }
          />
          {whole ? (
            <Checkbox
              label={t('Very large ones too')}
              description={t('Beyond two thousand million')}
              checked={settings.dataType === 'bigint'}
              onChange={(event) => set({ dataType: event.currentTarget.checked ? 'bigint' : 'int' })}
            />
          ) : (
            decimals
          )}
        </>
      );
    }
    case 'NUMERIC':
    case 'PERCENT':
      return decimals;
    case 'CURRENCY': {
      const value = draft.defaultValue as { currencyCode?: string } | null;
      return (
        <>
          <Select
            label={t('Usual currency')}
            description={t('Of new records; each amount can have its own')}
            placeholder={t('None')}
            clearable
            searchable
            data={CURRENCIES}
            value={value?.currencyCode ?? null}
            onChange={(currencyCode) => onChange({ defaultValue: currencyCode ? { ...value, currencyCode } : null })}
          />
          <Group grow align="flex-start" gap="xs">
            {format('full', '€1,250,000', '€1.25M')}
            {decimals}
          </Group>
        </>
      );
    }
    case 'DURATION':
      return format('short', t('1 hour 30 minutes'), '1h 30m');
    case 'ADDRESS':
      return (
        <MultiSelect
          label={t('Parts shown')}
          placeholder={Array.isArray(settings['subFields']) ? undefined : t('All')}
          data={ADDRESS_PARTS}
          value={Array.isArray(settings['subFields']) ? (settings['subFields'] as string[]) : []}
          onChange={(parts) => set({ subFields: parts.length > 0 ? parts : undefined })}
        />
      );
    case 'MEMBER':
      return (
        <Select
          label={t('When the member is removed')}
          data={MEMBER_LEAVES}
          value={typeof settings['onDelete'] === 'string' ? settings['onDelete'] : 'SET_NULL'}
          onChange={(value) => set({ onDelete: value && value !== 'SET_NULL' ? value : undefined })}
          allowDeselect={false}
        />
      );
    case 'AUTO_NUMBER':
      return (
        <Group grow align="flex-start" gap="xs">
          <TextInput
            label={t('Before the number')}
            placeholder="INV-"
            maxLength={20}
            value={settings.prefix ?? ''}
            onChange={(event) => set({ prefix: event.currentTarget.value })}
          />
          <NumberInput
            label={t('Digits')}
            min={0}
            max={18}
            allowDecimal={false}
            value={settings.padding ?? 0}
            onChange={(value) => set({ padding: typeof value === 'number' ? value : 0 })}
          />
          <NumberInput
            label={t('First number')}
            min={0}
            allowDecimal={false}
            value={settings.start ?? 1}
            onChange={(value) => set({ start: typeof value === 'number' ? value : 1 })}
          />
        </Group>
      );
    case 'DATE':
    case 'DATE_TIME': {
      const shown = settings.displayFormat ?? 'USER_SETTINGS';
      return (
        <>
          <Select
            label={t('Shown as')}
            data={DATE_FORMATS}
            value={shown}
            onChange={(value) =>
              set({
                displayFormat: value && value !== 'USER_SETTINGS' ? value : undefined,
                customUnicodeDateFormat: value === 'CUSTOM' ? 'dd.MM.yyyy' : undefined,
              })
            }
            allowDeselect={false}
          />
          {shown === 'CUSTOM' ? (
            <TextInput
              label={t('Pattern')}
              description={t('dd, MM and yyyy for day, month and year; HH and mm for the time')}
              value={String(settings['customUnicodeDateFormat'] ?? '')}
              onChange={(event) => set({ customUnicodeDateFormat: event.currentTarget.value })}
            />
          ) : null}
        </>
      );
    }
    default:
      if (!SEVERAL.includes(type)) return null;
      return (
        <NumberInput
          label={t('At most')}
          description={t('How many values a record may have')}
          placeholder={t('Any number')}
          min={1}
          max={100}
          allowDecimal={false}
          value={typeof settings['maxNumberOfValues'] === 'number' ? settings['maxNumberOfValues'] : ''}
          onChange={(value) => set({ maxNumberOfValues: typeof value === 'number' ? value : undefined })}
        />
      );
  }
}
