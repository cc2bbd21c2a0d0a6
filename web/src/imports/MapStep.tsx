import { Alert, Button, Checkbox, SegmentedControl, Select, Skeleton, Tooltip } from '@mantine/core';
import { IconArrowsLeftRight, IconPlus } from '@tabler/icons-react';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { formats, deviceTimeZone } from '../model/formats.ts';
import { useMay, useModelStore } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { DELIMITERS, ENCODINGS } from './importText.ts';
import {
  previewFile,
  readFile,
  startImport,
  type FileFormat,
  type FileReading,
  type Import,
  type ImportSettings,
  type PreviewRow,
  type Target,
} from './imports.ts';
import classes from './imports.module.css';
import { t } from '../language/t.ts';

const MeaningsDialog = lazy(async () => ({ default: (await import('./MeaningsDialog.tsx')).MeaningsDialog }));
const NewFieldDialog = lazy(async () => ({ default: (await import('./NewFieldDialog.tsx')).NewFieldDialog }));

const PREVIEW_MS = 250;
const SHOWN_ROWS = 100;
const UNMATCHED = ['RICH_TEXT', 'RAW_JSON', 'ADDRESS', 'CURRENCY', 'FILES'];
const NEW_FIELD = '\u0000new';

const timeZone = (): string => {
  const chosen = formats().timeZone;
  return chosen === 'system' ? deviceTimeZone() : chosen;
};

const initial = (reading: FileReading, known: Import): ImportSettings => {
  const before = known.settings?.map ? known.settings : reading.remembered;
  const headers = reading.mapping.map(({ header }) => header);
  const map = Object.fromEntries(reading.mapping.map(({ header, path }) => [header, path]));
  if (known.settings?.map) for (const header of headers) map[header] = known.settings.map[header] ?? map[header] ?? '';
  return {
    map,
    match: before?.match ?? null,
    mode: before?.mode ?? 'BOTH',
    createMissing: before?.createMissing ?? false,
    dateOrder: before?.dateOrder ?? null,
    timeZone: timeZone(),
    meanings: before?.meanings ?? {},
  };
};

const targetLabel = ({ label, part, isRelation }: Target): string =>
  part === '' ? label : isRelation ? t('{label}, by {part}', { label, part: part.toLowerCase() }) : `${label}: ${part}`;

/** The second step: how the file is written, and where its columns go. */
export function MapStep({
  object,
  found,
  onStarted,
  onGone,
}: {
  object: ModelObject;
  found: Import;
  onStarted: () => Promise<void>;
  onGone: () => void;
}) {
  const [wanted, setWanted] = useState<{ format: Partial<FileFormat>; preset: string | null | undefined }>({
    format: found.format,
    preset: undefined,
  });
  const [reading, setReading] = useState<FileReading | null>(null);
  const [settings, setSettings] = useState<ImportSettings | null>(null);
  const [preview, setPreview] = useState<{ rows: PreviewRow[]; failure: Failure | null }>({ rows: [], failure: null });
  const [failure, setFailure] = useState<Failure | null>(null);
  const [meaningsOf, setMeaningsOf] = useState<string | null>(null);
  const [newFieldFor, setNewFieldFor] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const mayChangeModel = useMay('DATA_MODEL');
  const version = useModelStore((state) => state.model?.version);

  const key = JSON.stringify(wanted);
  useEffect(() => {
    let current = true;
    const { format, preset } = JSON.parse(key) as typeof wanted;
    const isOther = 'preset' in (JSON.parse(key) as object);
    readFile(found.id, format, isOther ? preset : undefined).then(
      (answer) => {
        if (!current) return;
        setReading(answer);
        setFailure(null);
        setSettings((before) => {
          const fresh = initial(answer, found);
          const same =
            before !== null && JSON.stringify(Object.keys(before.map)) === JSON.stringify(Object.keys(fresh.map));
          // What somebody has chosen stays, unless another preset was asked for.
          return same && !isOther ? before : fresh;
        });
      },
      (cause: unknown) => {
        if (current) setFailure(toFailure(cause));
      },
    );
    return () => {
      current = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- of the import only its id matters; a new model means new targets
  }, [found.id, key, version]);

  const settingsKey = settings && reading ? JSON.stringify([settings, reading.format]) : null;
  useEffect(() => {
    if (settingsKey === null) return undefined;
    let current = true;
    const timer = setTimeout(() => {
      const [chosen, format] = JSON.parse(settingsKey) as [ImportSettings, FileFormat];
      previewFile(found.id, format, chosen).then(
        (rows) => current && setPreview({ rows, failure: null }),
        (cause: unknown) => current && setPreview({ rows: [], failure: toFailure(cause) }),
      );
    }, PREVIEW_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [found.id, settingsKey]);

  const byPath = useMemo(() => new Map(reading?.targets.map((target) => [target.path, target])), [reading]);

  if (failure && !reading)
    return (
      <Alert color="red" role="alert" title={failure.message}>
        <p>{failure.hint}</p>
        <Button variant="default" onClick={onGone}>
          {t('Choose another file')}
        </Button>
      </Alert>
    );
  if (!reading || !settings) return <Skeleton height={260} role="status" aria-label={t('Loading')} />;

  const { format, mapping, targets } = reading;
  const change = (patch: Partial<ImportSettings>) => setSettings({ ...settings, ...patch });
  const write = (patch: Partial<FileFormat>) => setWanted({ format: { ...format, ...patch }, preset: undefined });
  const place = (header: string, path: string) => {
    const map = { ...settings.map };
    // A field is filled once: another column that had it gives it up.
    for (const [other, taken] of Object.entries(map))
      if (path !== '' && taken === path && other !== header) map[other] = '';
    map[header] = path;
    change({ map });
  };
  const mapped = mapping.filter(({ header }) => settings.map[header]);
  const matchable = new Map<string, string>();
  for (const { header } of mapped) {
    const target = byPath.get(settings.map[header]!);
    if (target && !target.isRelation && !UNMATCHED.includes(target.type))
      matchable.set(target.path.split('.')[0]!, target.label);
  }
  const match = settings.match !== null && matchable.has(settings.match) ? settings.match : null;
  const hasRelation = mapped.some(({ header }) => byPath.get(settings.map[header]!)?.isRelation);
  const hasDate = mapped.some(({ header }) =>
    ['DATE', 'DATE_TIME'].includes(byPath.get(settings.map[header]!)?.type ?? ''),
  );
  const options = [
    ...(mayChangeModel ? [{ value: NEW_FIELD, label: t('New field…') }] : []),
    ...targets.map((target) => ({ value: target.path, label: targetLabel(target) })),
  ];

  const start = async (isDryRun: boolean) => {
    setBusy(true);
    try {
      await startImport(found.id, format, { ...settings, match }, isDryRun);
      await onStarted();
    } catch (cause) {
      setFailure(toFailure(cause));
      setBusy(false);
    }
  };

  return (
    <>
      <div className={classes.options} role="group" aria-label={t('How the file is read')}>
        {format.kind === 'csv' ? (
          <>
            <Select
              className={classes.option}
              label={t('Encoding')}
              data={
                ENCODINGS.some(({ value }) => value === format.encoding)
                  ? ENCODINGS
                  : [...ENCODINGS, { value: format.encoding, label: format.encoding }]
              }
              value={format.encoding}
              allowDeselect={false}
              onChange={(encoding) => encoding && write({ encoding })}
            />
            <Select
              className={classes.option}
              label={t('Between columns')}
              data={DELIMITERS}
              value={format.delimiter}
              allowDeselect={false}
              onChange={(delimiter) => delimiter && write({ delimiter })}
            />
          </>
        ) : null}
        {format.kind === 'xlsx' && reading.sheets.length > 1 ? (
          <Select
            className={classes.option}
            label={t('Sheet')}
            data={reading.sheets}
            value={format.sheet ?? reading.sheets[0] ?? null}
            allowDeselect={false}
            onChange={(sheet) => sheet && write({ sheet })}
          />
        ) : null}
        <Select
          className={classes.option}
          label={t('Exported from')}
          placeholder={t('Somewhere else')}
          clearable
          data={reading.presets.map(({ id, label }) => ({ value: id, label }))}
          value={reading.preset}
          onChange={(preset) => setWanted({ format, preset })}
        />
        {format.kind === 'vcard' ? null : (
          <Checkbox
            label={t('The first row names the columns')}
            checked={format.hasHeader}
            onChange={(event) => write({ hasHeader: event.currentTarget.checked })}
            mb={8}
          />
        )}
      </div>
      {failure ? (
        <Alert color="red" role="alert" title={failure.message} mb="md">
          {failure.hint}
        </Alert>
      ) : null}
      {reading.remembered ? (
        <p className={classes.note}>{t('The columns go where those of your last file like this went.')}</p>
      ) : null}

      <div className={classes.scroll} tabIndex={0} role="region" aria-label={t('Columns of the file')}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">{t('Column')}</th>
              <th scope="col">{t('For example')}</th>
              <th scope="col">{t('Goes to')}</th>
            </tr>
          </thead>
          <tbody>
            {mapping.map(({ header, samples }) => {
              const path = settings.map[header] ?? '';
              const target = byPath.get(path);
              const isChoice =
                target && ['SELECT', 'MULTI_SELECT', 'BOOLEAN'].includes(target.type) && !target.isRelation;
              const said = Object.keys(settings.meanings[header] ?? {}).length;
              return (
                <tr key={header}>
                  <td className={classes.header}>{header}</td>
                  <td className={classes.samples}>{samples.join(' · ') || t('empty')}</td>
                  <td>
                    <div className={classes.target}>
                      <Select
                        aria-label={t('Where “{header}” goes', { header })}
                        placeholder={t('Left out')}
                        searchable
                        clearable
                        data={options}
                        value={path === '' ? null : path}
                        maxDropdownHeight={320}
                        onChange={(value) =>
                          value === NEW_FIELD ? setNewFieldFor(header) : place(header, value ?? '')
                        }
                      />
                      {isChoice ? (
                        <Tooltip label={t('What its values mean')}>
                          <Button
                            variant="default"
                            leftSection={<IconArrowsLeftRight size={14} />}
                            onClick={() => setMeaningsOf(header)}
                            aria-label={t('What the values of “{header}” mean', { header })}
                          >
                            {said > 0 ? t('Values ({said})', { said }) : t('Values')}
                          </Button>
                        </Tooltip>
                      ) : null}
                      {path === '' && mayChangeModel ? (
                        <Button
                          variant="subtle"
                          leftSection={<IconPlus size={14} />}
                          onClick={() => setNewFieldFor(header)}
                          aria-label={t('New field for “{header}”', { header })}
                        >
                          {t('Field')}
                        </Button>
                      ) : null}
                    </div>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>

      <h2 className={classes.section}>{t('Records that are there already')}</h2>
      <div className={classes.options}>
        <Select
          className={classes.option}
          label={t('Find them by')}
          placeholder={t('Do not look: all are new')}
          clearable
          data={[...matchable].map(([value, label]) => ({ value, label }))}
          value={match}
          onChange={(value) => change({ match: value })}
        />
        {match ? (
          <SegmentedControl
            aria-label={t('What is done with them')}
            value={settings.mode}
            onChange={(mode) => change({ mode: mode as ImportSettings['mode'] })}
            data={[
              { value: 'BOTH', label: t('Create and update') },
              { value: 'CREATE', label: t('Only create') },
              { value: 'UPDATE', label: t('Only update') },
            ]}
          />
        ) : null}
        {hasDate ? (
          <Select
            className={classes.option}
            label={t('3/4/2025 means')}
            placeholder={t('As each cell says')}
            clearable
            data={[
              { value: 'dmy', label: t('Day first: 3 April') },
              { value: 'mdy', label: t('Month first: 4 March') },
            ]}
            value={settings.dateOrder}
            onChange={(value) => change({ dateOrder: value as ImportSettings['dateOrder'] })}
          />
        ) : null}
        {hasRelation ? (
          <Checkbox
            label={t('Create related records that are missing')}
            checked={settings.createMissing}
            onChange={(event) => change({ createMissing: event.currentTarget.checked })}
            mb={8}
          />
        ) : null}
      </div>
      {match ? <p className={classes.note}>{t('An empty cell leaves what the record has.')}</p> : null}

      <h2 className={classes.section}>{t('The first rows, as they would be')}</h2>
      {preview.failure ? (
        <Alert color="red" role="alert" title={preview.failure.message}>
          {preview.failure.hint}
        </Alert>
      ) : mapped.length === 0 ? (
        <p className={classes.note}>{t('Say at least of one column where it goes.')}</p>
      ) : (
        <PreviewTable
          headers={mapping
            .filter(({ header }) => settings.map[header])
            .map(({ header }) => targetLabel(byPath.get(settings.map[header]!) ?? UNKNOWN))}
          rows={preview.rows}
        />
      )}
      <div className={classes.actions}>
        <Button
          onClick={() => void start(true)}
          loading={busy}
          disabled={mapped.length === 0 || preview.failure !== null}
        >
          {t('Check all rows')}
        </Button>
        <Button
          variant="default"
          onClick={() => void start(false)}
          disabled={busy || mapped.length === 0 || preview.failure !== null}
        >
          {t('Import without checking')}
        </Button>
      </div>
      <Suspense fallback={null}>
        {meaningsOf ? (
          <MeaningsDialog
            importId={found.id}
            format={format}
            header={meaningsOf}
            target={byPath.get(settings.map[meaningsOf] ?? '') ?? UNKNOWN}
            meanings={settings.meanings[meaningsOf] ?? {}}
            onClose={() => setMeaningsOf(null)}
            onSave={(meanings) => {
              change({ meanings: { ...settings.meanings, [meaningsOf]: meanings } });
              setMeaningsOf(null);
            }}
          />
        ) : null}
        {newFieldFor ? (
          <NewFieldDialog
            object={object}
            header={newFieldFor}
            samples={reading.rows.map(
              ({ cells }) => cells[mapping.findIndex(({ header }) => header === newFieldFor)] ?? '',
            )}
            onClose={() => setNewFieldFor(null)}
            onCreated={(name) => {
              place(newFieldFor, name);
              setNewFieldFor(null);
            }}
          />
        ) : null}
      </Suspense>
    </>
  );
}

const UNKNOWN: Target = {
  path: '',
  fieldId: '',
  label: t('Field'),
  part: '',
  type: 'TEXT',
  isRelation: false,
  isUnique: false,
  options: [],
};

function PreviewTable({ headers, rows }: { headers: string[]; rows: PreviewRow[] }) {
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label={t('Preview')} style={{ maxHeight: 340 }}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">{t('Row')}</th>
            {headers.map((header, index) => (
              <th scope="col" key={index}>
                {header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className={classes.cells}>
          {rows.slice(0, SHOWN_ROWS).map(({ line, cells }) => (
            <tr key={line}>
              <td>{line}</td>
              {cells.map(({ text, problem }, index) => (
                <td key={index} className={problem ? classes.wrong : undefined} title={problem ?? text}>
                  {text}
                  {problem ? <span className="visually-hidden">{problem}</span> : null}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
