import { Button, Chip, Group, NumberInput, Popover, SegmentedControl, Select, Stack, TextInput } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { parseDay } from '../model/dates.ts';
import { readRecurrence, WEEKDAY_NAMES, writeRecurrence, type Recurrence } from '../model/recurrence.ts';
import type { FieldEditorProps } from './editorProps.ts';
import classes from './fields.module.css';
import { EditorNote } from './EditorNote.tsx';
import { t } from '../language/t.ts';

const OFTEN: { value: Recurrence['freq']; label: string }[] = [
  { value: 'DAILY', label: t('Days') },
  { value: 'WEEKLY', label: t('Weeks') },
  { value: 'MONTHLY', label: t('Months') },
  { value: 'YEARLY', label: t('Years') },
];
const USUAL: Recurrence = { freq: 'WEEKLY', interval: 1, days: [], monthDay: null, until: null, count: null };

/** When a task comes again: every so many days, weeks, months or years, on which of them, and until when. */
export function RecurrenceEditor({ field, value, problem, onSave, onDrop, done }: FieldEditorProps) {
  const before = typeof value === 'string' ? value : '';
  const [rule, setRule] = useState<Recurrence>(readRecurrence(before) ?? USUAL);
  const [until, setUntil] = useState(rule.until ?? '');
  const [ends, setEnds] = useState(rule.until ? 'DAY' : rule.count ? 'TIMES' : 'NEVER');
  const change = (part: Partial<Recurrence>) => setRule((now) => ({ ...now, ...part }));
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector('input')?.focus(), []);

  const end = ends === 'DAY' ? parseDay(until) : null;
  const isFine = ends !== 'DAY' || end !== null;
  const save = () => {
    if (!isFine) return;
    const text = writeRecurrence({ ...rule, until: end, count: ends === 'TIMES' ? (rule.count ?? 10) : null });
    if (problem || text !== before) onSave(text);
    done('stay');
  };
  const drop = () => {
    onDrop?.();
    done('stay');
  };
  return (
    <Popover opened onChange={(isOpen) => (isOpen ? undefined : drop())} position="bottom-start" shadow="md" trapFocus>
      <Popover.Target>
        <span style={{ position: 'absolute', insetInlineStart: 0, bottom: 0 }} />
      </Popover.Target>
      <Popover.Dropdown aria-label={field.label}>
        <form
          ref={form}
          onSubmit={(event) => {
            event.preventDefault();
            save();
          }}
          onKeyDown={(event) => {
            event.stopPropagation();
            if (event.key === 'Escape') drop();
          }}
        >
          <Stack gap="sm" w={300}>
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
                onChange={(freq) =>
                  change({ freq: (freq ?? 'WEEKLY') as Recurrence['freq'], days: [], monthDay: null })
                }
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
                  { value: '', label: t('The day that it is due') },
                  { value: '-1', label: t('The last day of the month') },
                  { value: '1MO', label: t('The first Monday') },
                  { value: '-1FR', label: t('The last Friday') },
                ]}
                value={rule.days[0] ?? (rule.monthDay === -1 ? '-1' : '')}
                allowDeselect={false}
                comboboxProps={{ withinPortal: false }}
                onChange={(on) =>
                  change(on === '-1' ? { monthDay: -1, days: [] } : { monthDay: null, days: on ? [on] : [] })
                }
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
            {problem ? (
              <div className={classes.inside}>
                <EditorNote field={field} reason={problem} />
              </div>
            ) : null}
            <Group justify="space-between">
              <Button
                variant="subtle"
                color="gray"
                size="xs"
                onClick={() => {
                  if (before !== '') onSave(null);
                  done('stay');
                }}
              >
                {t('Once only')}
              </Button>
              <Button type="submit" size="xs" disabled={!isFine}>
                {t('Save')}
              </Button>
            </Group>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
