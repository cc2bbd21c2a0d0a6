import { Alert, Button } from '@mantine/core';
import { useState } from 'react';
import type { ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { Figures } from './Figures.tsx';
import { rowCount } from './importText.ts';
import { startImport, type Import, type ImportSettings } from './imports.ts';
import classes from './imports.module.css';
import { Outcomes } from './Outcomes.tsx';
import { ProblemList } from './ProblemList.tsx';
import { t } from '../language/t.ts';

interface CheckStepProps {
  object: ModelObject;
  found: Import;
  onStarted: () => Promise<void>;
  onBack: () => void;
}

/** The third step: what would come of the file, and what is wrong in it, to be mended right here. */
export function CheckStep({ object, found, onStarted, onBack }: CheckStepProps) {
  const [busy, setBusy] = useState(false);
  const [isMended, setMended] = useState(false);
  const { result } = found;
  if (!result) return null;
  const settings = found.settings as ImportSettings;
  const lacksRelated = !settings.createMissing && result.groups.some(({ kind }) => kind.includes(': there is no '));
  const start = async (isDryRun: boolean, change: Partial<ImportSettings> = {}) => {
    setBusy(true);
    try {
      await startImport(found.id, found.format, { ...settings, ...change }, isDryRun);
      await onStarted();
    } catch (cause) {
      announceFailure(t('It was not started'), cause);
      setBusy(false);
    }
  };
  const good = result.rows - result.rejected;
  return (
    <>
      <p className={classes.note}>
        {t('This is what would come of {fileName}. Nothing has been changed yet.', { fileName: found.fileName })}
      </p>
      <Figures object={object} result={result} isDryRun />
      {result.rejected === 0 ? (
        <Alert color="green" title={t('All rows can be imported.')} />
      ) : (
        <ProblemList found={found} onMended={() => setMended(true)} />
      )}
      {lacksRelated ? (
        <div className={classes.actions}>
          <Button variant="default" onClick={() => void start(true, { createMissing: true })} disabled={busy}>
            {t('Create the related records that are missing')}
          </Button>
        </div>
      ) : null}
      {isMended ? (
        <Alert color="blue" mt="md" title={t('You have mended cells.')}>
          {t('Check again to see whether all is well now.')}
        </Alert>
      ) : null}
      <Outcomes found={found} object={object} />
      <div className={classes.actions}>
        {isMended ? (
          <Button onClick={() => void start(true)} loading={busy}>
            {t('Check again')}
          </Button>
        ) : null}
        <Button
          variant={isMended ? 'default' : 'filled'}
          onClick={() => void start(false)}
          loading={busy}
          disabled={good === 0 && !isMended}
        >
          {isMended ? t('Import') : t('Import {good}', { good: rowCount(good) })}
        </Button>
        <Button variant="default" onClick={onBack} disabled={busy}>
          {t('Back to the columns')}
        </Button>
      </div>
    </>
  );
}
