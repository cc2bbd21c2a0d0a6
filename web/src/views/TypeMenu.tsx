import { Button, NativeSelect, Popover, SegmentedControl, Stack, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import { canGroup } from '../model/grouping.ts';
import { visibleFields } from '../model/lookup.ts';
import { parseNumber } from '../model/money.ts';
import type { ModelObject } from '../model/types.ts';
import {
  coverField,
  coverFields,
  dateField,
  dateFields,
  endFields,
  groupField,
  groupFields,
  isDated,
  isNumeric,
  placeField,
  placeFields,
  summaryFields,
} from './layoutFields.ts';
import type { ViewOptions, ViewType } from './savedViews.ts';
import type { Shown } from './shown.ts';
import { TypeButton, TypeIcon, VIEW_TYPES } from './viewButtons.tsx';
import classes from './views.module.css';
import { t } from '../language/t.ts';

interface TypeMenuProps {
  object: ModelObject;
  shown: Shown;
  show: (next: Partial<Shown>) => void;
  defaultOpened: boolean;
}

interface SettingsProps {
  object: ModelObject;
  shown: Shown;
  show: (next: Partial<Shown>) => void;
  set: (next: { [option in keyof ViewOptions]: ViewOptions[option] | undefined }) => void;
}

const NONE = { value: '', label: t('None') };
const named = (fields: { id: string; label: string }[]) => fields.map(({ id, label }) => ({ value: id, label }));

function Ranges({ bounds, onChange }: { bounds: number[]; onChange: (bounds: number[]) => void }) {
  const [text, setText] = useState(bounds.join('; '));
  const parts = text.split(';').filter((part) => part.trim() !== '');
  const numbers = parts.map(parseNumber);
  const isWrong = numbers.includes(null);
  const keep = () => {
    const found = numbers.filter((each) => each !== null);
    if (!isWrong) onChange([...new Set(found)].sort((a, b) => a - b));
  };
  return (
    <TextInput
      label={t('Columns begin at')}
      description={t('Numbers, with a semicolon between them')}
      placeholder="0; 1000; 10000"
      value={text}
      error={isWrong ? t('One of them is no number.') : null}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={keep}
      onKeyDown={(event) => event.key === 'Enter' && keep()}
    />
  );
}

function BoardSettings({ object, shown, show, set }: SettingsProps) {
  const { options } = shown;
  const by = groupField(object, shown.group);
  const sums = summaryFields(object);
  return (
    <>
      <NativeSelect
        label={t('Columns by')}
        data={groupFields(object).map(({ name, label }) => ({ value: name, label }))}
        value={by?.name}
        onChange={(event) =>
          show({
            group: event.currentTarget.value,
            bucket: null,
            // What is said of columns is said of those of the other field.
            options: Object.fromEntries(
              Object.entries(options).filter(
                ([key]) => !['hiddenColumns', 'collapsedColumns', 'limits', 'bounds'].includes(key),
              ),
            ),
          })
        }
      />
      {by && isDated(by) ? (
        <NativeSelect
          label={t('Each is')}
          data={[
            { value: '', label: t('Overdue, today, tomorrow …') },
            { value: 'WEEK', label: t('A week') },
            { value: 'MONTH', label: t('A month') },
            { value: 'QUARTER', label: t('A quarter') },
          ]}
          value={shown.bucket ?? ''}
          onChange={(event) => show({ bucket: (event.currentTarget.value || null) as Shown['bucket'] })}
        />
      ) : null}
      {by && isNumeric(by) ? (
        <Ranges key={by.id} bounds={options.bounds ?? []} onChange={(bounds) => set({ bounds })} />
      ) : null}
      {sums.length > 0 ? (
        <div className={classes.pair}>
          <NativeSelect
            label={t('Column total')}
            data={[NONE, ...named(sums)]}
            value={options.summary?.fieldId ?? ''}
            onChange={(event) => {
              const fieldId = event.currentTarget.value;
              set({ summary: fieldId ? { aggregate: options.summary?.aggregate ?? 'SUM', fieldId } : undefined });
            }}
          />
          {options.summary ? (
            <NativeSelect
              label={t('As')}
              data={[
                { value: 'SUM', label: t('Sum') },
                { value: 'AVG', label: t('Average') },
                { value: 'MIN', label: t('Smallest') },
                { value: 'MAX', label: t('Largest') },
              ]}
              value={options.summary.aggregate}
              onChange={(event) =>
                options.summary &&
                set({
                  summary: {
                    ...options.summary,
                    aggregate: event.currentTarget.value as NonNullable<ViewOptions['summary']>['aggregate'],
                  },
                })
              }
            />
          ) : null}
        </div>
      ) : null}
      {(options.hiddenColumns ?? []).length > 0 ? (
        <Button variant="default" onClick={() => set({ hiddenColumns: undefined })}>
          {t('Show hidden columns again')}
        </Button>
      ) : null}
      <Compact options={options} set={set} />
    </>
  );
}

function CalendarSettings({ object, shown, set }: SettingsProps) {
  const start = dateField(object, shown.options);
  const ends = start ? endFields(object, start) : [];
  return (
    <>
      <NativeSelect
        label={t('By date')}
        data={named(dateFields(object))}
        value={start?.id}
        onChange={(event) => set({ dateFieldId: event.currentTarget.value, endFieldId: undefined })}
      />
      {ends.length > 0 ? (
        <NativeSelect
          label={t('Until')}
          data={[NONE, ...named(ends)]}
          value={shown.options.endFieldId ?? ''}
          onChange={(event) => set({ endFieldId: event.currentTarget.value || undefined })}
        />
      ) : null}
    </>
  );
}

function GallerySettings({ object, shown, set }: SettingsProps) {
  const covers = coverFields(object);
  return (
    <>
      {covers.length > 0 ? (
        <NativeSelect
          label={t('Picture')}
          data={named(covers)}
          value={coverField(object, shown.options)?.id}
          onChange={(event) => set({ coverFieldId: event.currentTarget.value })}
        />
      ) : null}
      <Compact options={shown.options} set={set} />
    </>
  );
}

const Compact = ({ options, set }: { options: ViewOptions; set: SettingsProps['set'] }) => (
  <Switch
    label={t('Small cards')}
    description={t('The name and the first two fields')}
    checked={options.cardSize === 'COMPACT'}
    onChange={(event) => set({ cardSize: event.currentTarget.checked ? 'COMPACT' : undefined })}
  />
);

function MapSettings({ object, shown, set }: SettingsProps) {
  const places = placeFields(object);
  return places.length > 0 ? (
    <NativeSelect
      label={t('By place')}
      data={named(places)}
      value={placeField(object, shown.options)?.id}
      onChange={(event) => set({ placeFieldId: event.currentTarget.value })}
    />
  ) : null;
}

/** Rows of a timeline stand in groups as those of a table do. */
function TimelineSettings(props: SettingsProps) {
  const { object, shown, show } = props;
  const by = object.fields.find((field) => field.name === shown.group && canGroup(field));
  return (
    <>
      <CalendarSettings {...props} />
      <NativeSelect
        label={t('Group by')}
        data={[
          NONE,
          ...visibleFields(object)
            .filter(canGroup)
            .map(({ name, label }) => ({ value: name, label })),
        ]}
        value={by?.name ?? ''}
        onChange={(event) => show({ group: event.currentTarget.value || null, bucket: null })}
      />
    </>
  );
}

const SETTINGS = {
  TABLE: null,
  BOARD: BoardSettings,
  CALENDAR: CalendarSettings,
  TIMELINE: TimelineSettings,
  GALLERY: GallerySettings,
  MAP: MapSettings,
};

/** What the records are shown as, and what that asks for. */
export function TypeMenu({ object, shown, show, defaultOpened }: TypeMenuProps) {
  const [opened, setOpened] = useState(defaultOpened);
  const Settings = SETTINGS[shown.type];
  const set: SettingsProps['set'] = (next) =>
    show({
      options: Object.fromEntries(
        Object.entries({ ...shown.options, ...next }).filter(([, value]) => value !== undefined),
      ),
    });
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" width={400} trapFocus shadow="md">
      <Popover.Target>
        <TypeButton type={shown.type} aria-expanded={opened} onClick={() => setOpened(!opened)} />
      </Popover.Target>
      <Popover.Dropdown p="sm" aria-label={t('Show as')}>
        <Stack gap="sm">
          <SegmentedControl
            fullWidth
            size="xs"
            aria-label={t('Show as')}
            value={shown.type}
            onChange={(type) => show({ type: type as ViewType })}
            data={Object.entries(VIEW_TYPES).map(([value, { label }]) => ({
              value,
              label: (
                <span className={classes.type}>
                  <TypeIcon type={value as ViewType} size={16} />
                  {label}
                </span>
              ),
            }))}
          />
          {Settings ? <Settings object={object} shown={shown} show={show} set={set} /> : null}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
