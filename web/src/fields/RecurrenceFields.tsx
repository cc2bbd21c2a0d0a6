import { Chip, Group, NumberInput, SegmentedControl, Select, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { parseDay } from '../model/dates.ts';
import { readRecurrence, WEEKDAY_NAMES, writeRecurrence, type Recurrence } from '../model/recurrence.ts';
import { t } from '../language/t.ts';

const OFTEN: { value: Recurrence['freq']; label: string }[] = [
  { value: 'DAILY', label: t('Days') },
  { value: 'WEEKLY', label: t('Weeks') },
  { value: 'MONTHLY', label: t('Months') },
  { value: 'YEARLY', label: t('Years') },
];
const USUAL: Recurrence = { freq: 'WEEKLY', interval: 1, days: [], monthDay: null, until: null, count: null };

/** A recurrence while it is put together; its text is null while it is none. */
export function useRecurrence(before: string) {
  const [rule, setRule] = useState<Recurrence>(readRecurrence(before) ?? USUAL);
  const [until, setUntil] = useState(rule.until ?? '');
  const [ends, setEnds] = useState(rule.until ? 'DAY' : rule.count ? 'TIMES' : 'NEVER');
  const end = ends === 'DAY' ? parseDay(until) : null;
  const isFine = ends !== 'DAY' || end !== null;
  return {
    rule,
    until,
    ends,
    isFine,
    setUntil,
    setEnds,
    change: (part: Partial<Recurrence>) => setRule((now) => ({ ...now, ...part })),
    text: isFine ? writeRecurrence({ ...rule, until: end, count: ends === 'TIMES' ? (rule.count ?? 10) : null }) : null,
  };
}

interface RecurrenceFieldsProps {
  recurrence: ReturnType<typeof useRecurrence>;
  /** What a month that names no day goes by. */
  sameDay: string;
}

/** Every so many days, weeks, months or years, on which of them, and until when. */
export function RecurrenceFields({ recurrence, sameDay }: RecurrenceFieldsProps) {
  const { rule, change, until, setUntil, ends, setEnds, isFine } = recurrence;
  return (
    <Stack gap="sm">
      <Group gap="xs" wrap="nowrap" align="end">
        <NumberInput
          label={t('Every')}
          w={80}
          min={1}
          max={999}
          allowDecimal={false}
          value={rule.interval}
          onChange={(interval) => change({ interval: Math.max(1, Number(interval) || 1) })}
        />
        <Select
          aria-label={t('Of what')}
          data={OFTEN}
          value={rule.freq}
          allowDeselect={false}
          comboboxProps={{ withinPortal: false }}
          onChange={(freq) => change({ freq: (freq ?? 'WEEKLY') as Recurrence['freq'], days: [], monthDay: null })}
        />
      </Group>
      {rule.freq === 'WEEKLY' ? (
        <Chip.Group
          multiple
          value={rule.days}
          onChange={(days) => change({ days: Object.keys(WEEKDAY_NAMES).filter((day) => days.includes(day)) })}
        >
          <Group gap={4} role="group" aria-label={t('On these days')}>
            {Object.entries(WEEKDAY_NAMES).map(([day, name]) => (
              <Chip key={day} value={day} size="xs" aria-label={name}>
                {name.slice(0, 2)}
              </Chip>
            ))}
          </Group>
        </Chip.Group>
      ) : null}
      {rule.freq === 'MONTHLY' ? (
        <Select
          label={t('On')}
          data={[
            { value: '', label: sameDay },
            { value: '-1', label: t('The last day of the month') },
            { value: '1MO', label: t('The first Monday') },
            { value: '-1FR', label: t('The last Friday') },
          ]}
          value={rule.days[0] ?? (rule.monthDay === -1 ? '-1' : '')}
          allowDeselect={false}
          comboboxProps={{ withinPortal: false }}
          onChange={(on) => change(on === '-1' ? { monthDay: -1, days: [] } : { monthDay: null, days: on ? [on] : [] })}
        />
      ) : null}
      <SegmentedControl
        aria-label={t('Ends')}
        size="xs"
        data={[
          { value: 'NEVER', label: t('For ever') },
          { value: 'DAY', label: t('Until') },
          { value: 'TIMES', label: t('Times') },
        ]}
        value={ends}
        onChange={setEnds}
      />
      {ends === 'DAY' ? (
        <TextInput
          aria-label={t('Last day')}
          placeholder="2026-12-31"
          value={until}
          error={until !== '' && !isFine ? t('Write a day') : null}
          onChange={(event) => setUntil(event.currentTarget.value)}
        />
      ) : null}
      {ends === 'TIMES' ? (
        <NumberInput
          aria-label={t('How many times')}
          min={1}
          max={9999}
          allowDecimal={false}
          value={rule.count ?? 10}
          onChange={(count) => change({ count: Math.max(1, Number(count) || 1) })}
        />
      ) : null}
    </Stack>
  );
}
