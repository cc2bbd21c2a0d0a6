import { Button, Checkbox, Group, Modal, Radio, SegmentedControl, Stack } from '@mantine/core';
import { IconRepeat } from '@tabler/icons-react';
import { useState } from 'react';
import { toFailure } from '../api/failure.ts';
import { formats, deviceTimeZone, countText } from '../model/formats.ts';
import type { ColumnValue, ModelField, ModelObject } from '../model/types.ts';
import { announceDone, announceFailure } from '../records/announce.tsx';
import { download, type ExportFormat } from './exports.ts';
import { exportable, formatsOf } from './formats.ts';
import classes from './exports.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface ExportDialogProps {
  object: ModelObject;
  /** The columns that show, in their order. */
  fields: ModelField[];
  /** All records that the list shows, also those that are not loaded. */
  filter: { [key: string]: ColumnValue } | null;
  orderBy: string[];
  /** Or these alone, where some are selected. */
  ids?: string[] | undefined;
  /** Has the export come again; not of what was selected once. */
  onRepeat?: () => void;
  onClose: () => void;
}

/** What goes into the file, and of what kind it is. All that matches is exported, loaded or not. */
export function ExportDialog({ object, fields, filter, orderBy, ids, onRepeat, onClose }: ExportDialogProps) {
  const [format, setFormat] = useState<ExportFormat>('csv');
  const [columns, setColumns] = useState<'shown' | 'all' | 'chosen'>('shown');
  const [chosen, setChosen] = useState<string[]>(() => fields.map(({ name }) => name));
  const [hasIds, setIds] = useState(false);
  const [isHuman, setHuman] = useState(true);
  const [isGuarded, setGuarded] = useState(true);
  const [busy, setBusy] = useState(false);
  const offered = exportable(object);
  const kinds = formatsOf(object);
  const names =
    columns === 'shown' ? fields.map(({ name }) => name) : columns === 'all' ? offered.map(({ name }) => name) : chosen;
  const label = inSentence(object.labelPlural);

  const start = async () => {
    setBusy(true);
    const { timeZone } = formats();
    try {
      await download(
        {
          object: object.nameSingular,
          format,
          fields: hasIds && !names.includes('id') ? ['id', ...names] : names,
          hasIds,
          isHuman: isHuman && format !== 'ndjson',
          isGuarded: isGuarded && format === 'csv',
          timeZone: timeZone === 'system' ? deviceTimeZone() : timeZone,
          ...(ids ? { ids } : { filter, orderBy }),
        },
        (failure) => announceFailure(t('The {label} were not exported', { label }), failure),
      );
      announceDone(t('The download begins in a moment.'));
      onClose();
    } catch (cause) {
      announceFailure(t('The {label} were not exported', { label }), toFailure(cause));
      setBusy(false);
    }
  };

  return (
    <Modal
      opened
      onClose={onClose}
      title={
        ids
          ? t('Export {count} selected {label}', { count: countText(ids.length), label })
          : t('Export {label}', { label })
      }
      size="lg"
    >
      <Stack gap="md">
        <div>
          <SegmentedControl
            fullWidth
            aria-label={t('Kind of file')}
            value={format}
            onChange={(value) => setFormat(value as ExportFormat)}
            data={kinds.map(({ value, label: name }) => ({ value, label: name }))}
          />
          <p className={classes.note}>{kinds.find(({ value }) => value === format)?.note}</p>
        </div>
        {format === 'vcard' ? null : (
          <Radio.Group label={t('Columns')} value={columns} onChange={(value) => setColumns(value as typeof columns)}>
            <Stack gap={6} mt={6}>
              <Radio value="shown" label={t('Those that show ({count})', { count: countText(fields.length) })} />
              <Radio value="all" label={t('All that you may read ({count})', { count: countText(offered.length) })} />
              <Radio value="chosen" label={t('Choose them')} />
            </Stack>
          </Radio.Group>
        )}
        {columns === 'chosen' && format !== 'vcard' ? (
          <Checkbox.Group value={chosen} onChange={setChosen} aria-label={t('Columns of the file')}>
            <div className={classes.columns}>
              {offered.map((field) => (
                <Checkbox key={field.id} value={field.name} label={field.label} />
              ))}
            </div>
          </Checkbox.Group>
        ) : null}
        {format === 'csv' || format === 'xlsx' ? (
          <Stack gap={8}>
            {format === 'csv' ? (
              <>
                <Checkbox
                  label={t('Labels and amounts as people read them')}
                  checked={isHuman}
                  onChange={(event) => setHuman(event.currentTarget.checked)}
                />
                <Checkbox
                  label={t('Keep texts that look like formulas from being run by a spreadsheet')}
                  checked={isGuarded}
                  onChange={(event) => setGuarded(event.currentTarget.checked)}
                />
              </>
            ) : null}
            <Checkbox
              label={t('Ids of the records and of those they are related to')}
              checked={hasIds}
              onChange={(event) => setIds(event.currentTarget.checked)}
            />
          </Stack>
        ) : null}
        <p className={classes.note}>
          {ids
            ? t('The selected records are exported.')
            : t('All {label} that the list shows are exported, in its order, also those further down.', { label })}
        </p>
        <Group justify="flex-end">
          {onRepeat ? (
            <Button variant="subtle" me="auto" leftSection={<IconRepeat size={15} />} onClick={onRepeat}>
              {t('Repeat this export…')}
            </Button>
          ) : null}
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button onClick={() => void start()} loading={busy} disabled={names.length === 0}>
            {t('Export')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
