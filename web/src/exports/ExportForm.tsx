import { Button, Checkbox, Group, Radio, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { RecurrenceFields, useRecurrence } from '../fields/RecurrenceFields.tsx';
import { joinInstant, parseDay, splitInstant } from '../model/dates.ts';
import type { ModelObject } from '../model/types.ts';
import { useSubmit } from '../settings/formFailure.ts';
import { personName, useSession } from '../session/session.ts';
import { useObjectViews } from '../views/savedViews.ts';
import { BucketFields, NO_BUCKET } from './BucketFields.tsx';
import type { ExportFormat } from './exports.ts';
import { exportable, formatsOf } from './formats.ts';
import { memberTimeZone } from './newSettings.ts';
import { RecipientsField } from './RecipientsField.tsx';
import { saveExport, type ExportSettings } from './scheduled.ts';
import classes from './exports.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface ExportFormProps {
  object: ModelObject;
  settings: ExportSettings;
  /** Null for a new one. */
  exportId: string | null;
  hasSecret: boolean;
  recipientNames?: { [id: string]: string };
  onSaved: (id: string) => void;
  onCancel: (() => void) | null;
}

const KEPT = 'kept';

/** Which records go out, as what kind of file, when, and to whom. */
export function ExportForm({
  object,
  settings,
  exportId,
  hasSecret,
  recipientNames,
  onSaved,
  onCancel,
}: ExportFormProps) {
  const [draft, setDraft] = useState(settings);
  const change = (part: Partial<ExportSettings>) => setDraft((before) => ({ ...before, ...part }));
  const bucket = draft.bucket ?? NO_BUCKET;
  const [secret, setSecret] = useState('');
  const recurrence = useRecurrence(settings.recurrence);
  const first = settings.nextAt ? splitInstant(settings.nextAt) : { day: '', time: '08:00' };
  const [day, setDay] = useState(first.day);
  const [time, setTime] = useState(first.time);
  const nextAt = parseDay(day) ? joinInstant(parseDay(day)!, time) : null;
  const identity = useSession((state) => state.identity);
  const names = recipientNames ?? (identity?.member ? { [identity.member.id]: personName(identity) } : {});
  const views = useObjectViews(object)?.views ?? [];
  const offered = exportable(object);
  const kinds = formatsOf(object);
  const label = inSentence(object.labelPlural);
  const { submit, busy, problem, problemAt } = useSubmit({
    inSight: ['name', 'recipients', 'endpoint', 'bucket', 'region', 'prefix', 'keyId', 'secret'],
  });
  const save = () => {
    if (recurrence.text === null) return;
    const { name, objectId, viewId, filter, sorts, fieldIds, format, hasIds, isHuman, isGuarded, destination } = draft;
    const wanted: ExportSettings = {
      name,
      objectId,
      viewId,
      filter,
      sorts,
      fieldIds,
      format,
      hasIds,
      isHuman,
      isGuarded,
      destination,
      recurrence: recurrence.text,
      timeZone: memberTimeZone(),
      nextAt,
      bucket:
        destination === 'S3' ? { ...bucket, prefix: bucket.prefix === '' ? null : (bucket.prefix ?? null) } : null,
      recipients: destination === 'EMAIL' ? draft.recipients : [],
    };
    void submit(async () => onSaved(await saveExport(wanted, destination === 'S3' ? secret : '', exportId)));
  };
  const hasKept = draft.filter !== null || draft.viewId === null;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Stack gap="lg">
        <TextInput
          label={t('Name')}
          value={draft.name}
          required
          maxLength={100}
          error={problemAt('name')}
          onChange={(event) => change({ name: event.currentTarget.value })}
        />
        <Stack gap="sm" component="fieldset" className={classes.group}>
          <legend>{t('What')}</legend>
          <Select
            label={t('Which {label}', { label })}
            description={
              draft.viewId === null
                ? undefined
                : t('Those that the view shows at the time: whoever changes the view changes the export.')
            }
            data={[
              ...(hasKept
                ? [
                    {
                      value: KEPT,
                      label: settings.filter ? t('Those that are filtered now') : t('All {label}', { label }),
                    },
                  ]
                : []),
              ...views.map(({ id, name }) => ({ value: id, label: name })),
            ]}
            value={draft.viewId ?? KEPT}
            allowDeselect={false}
            comboboxProps={{ withinPortal: false }}
            onChange={(viewId) =>
              change({
                viewId: viewId === KEPT ? null : viewId,
                ...(viewId === KEPT || draft.viewId === viewId ? {} : { fieldIds: null }),
              })
            }
          />
          <div>
            <SegmentedControl
              fullWidth
              aria-label={t('Kind of file')}
              value={draft.format}
              onChange={(format) => change({ format: format as ExportFormat })}
              data={kinds.map(({ value, label: name }) => ({ value, label: name }))}
            />
            <p className={classes.note}>{kinds.find(({ value }) => value === draft.format)?.note}</p>
          </div>
          {draft.format === 'vcard' ? null : (
            <Radio.Group
              label={t('Columns')}
              value={draft.fieldIds === null ? 'all' : 'chosen'}
              onChange={(value) =>
                change({
                  fieldIds:
                    value === 'all'
                      ? null
                      : (settings.fieldIds ?? offered.filter(({ isSystem }) => !isSystem).map(({ id }) => id)),
                })
              }
            >
              <Stack gap={6} mt={6}>
                <Radio
                  value="all"
                  label={draft.viewId === null ? t('All that you may read') : t('Those that the view shows')}
                />
                <Radio value="chosen" label={t('Choose them')} />
              </Stack>
            </Radio.Group>
          )}
          {draft.fieldIds !== null && draft.format !== 'vcard' ? (
            <Checkbox.Group
              value={draft.fieldIds}
              onChange={(fieldIds) => change({ fieldIds })}
              aria-label={t('Columns of the file')}
            >
              <div className={classes.columns}>
                {offered.map((field) => (
                  <Checkbox key={field.id} value={field.id} label={field.label} />
                ))}
              </div>
            </Checkbox.Group>
          ) : null}
          {draft.format === 'csv' ? (
            <>
              <Checkbox
                label={t('Labels and amounts as people read them')}
                checked={draft.isHuman}
                onChange={(event) => change({ isHuman: event.currentTarget.checked })}
              />
              <Checkbox
                label={t('Keep texts that look like formulas from being run by a spreadsheet')}
                checked={draft.isGuarded}
                onChange={(event) => change({ isGuarded: event.currentTarget.checked })}
              />
            </>
          ) : null}
          {draft.format === 'csv' || draft.format === 'xlsx' ? (
            <Checkbox
              label={t('Ids of the records and of those they are related to')}
              checked={draft.hasIds}
              onChange={(event) => change({ hasIds: event.currentTarget.checked })}
            />
          ) : null}
        </Stack>
        <Stack gap="sm" component="fieldset" className={classes.group}>
          <legend>{t('When')}</legend>
          <RecurrenceFields recurrence={recurrence} sameDay={t('The same day of the month')} />
          <Group gap="sm" align="end">
            <TextInput
              type="date"
              label={exportId === null ? t('For the first time on') : t('Next on')}
              value={day}
              required
              onChange={(event) => setDay(event.currentTarget.value)}
            />
            <TextInput
              type="time"
              label={t('At')}
              value={time}
              required
              onChange={(event) => setTime(event.currentTarget.value)}
            />
          </Group>
          <Text size="sm" c="dimmed">
            {t('In your time zone, {zone}.', { zone: memberTimeZone() })}
          </Text>
        </Stack>
        <Stack gap="sm" component="fieldset" className={classes.group}>
          <legend>{t('Where to')}</legend>
          <SegmentedControl
            fullWidth
            aria-label={t('Where to')}
            value={draft.destination}
            onChange={(destination) => change({ destination: destination as ExportSettings['destination'] })}
            data={[
              { value: 'EMAIL', label: t('E-mail') },
              { value: 'S3', label: t('S3 storage') },
            ]}
          />
          {draft.destination === 'EMAIL' ? (
            <>
              <RecipientsField
                value={draft.recipients}
                names={names}
                onChange={(recipients) => change({ recipients })}
                error={problemAt('recipients')}
              />
              <Text size="sm" c="dimmed">
                {t(
                  'They get what you may read, also where they may read less themselves. A file of more than 10 MB comes as a link.',
                )}
              </Text>
            </>
          ) : (
            <BucketFields
              bucket={bucket}
              change={(part) => change({ bucket: { ...bucket, ...part } })}
              secret={secret}
              setSecret={setSecret}
              hasSecret={hasSecret}
              problemAt={problemAt}
            />
          )}
        </Stack>
        {problem ? (
          <Text c="red" size="sm" role="alert">
            {problem}
          </Text>
        ) : null}
        <Group justify="flex-end">
          {onCancel ? (
            <Button variant="default" onClick={onCancel}>
              {t('Cancel')}
            </Button>
          ) : null}
          <Button
            type="submit"
            loading={busy}
            disabled={recurrence.text === null || nextAt === null || draft.fieldIds?.length === 0}
          >
            {t('Save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
