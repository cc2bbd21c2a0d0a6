import { Button, Progress } from '@mantine/core';
import { useState } from 'react';
import { announceFailure } from '../records/announce.tsx';
import { PHASE_TEXT, rowCount } from './importText.ts';
import { cancelImport, type Import } from './imports.ts';
import classes from './imports.module.css';
import { t } from '../language/t.ts';

/** How far along an import is, by what it has read, checked and written. */
function shareOf({ phase, bytesDone, fileSize, status }: Import): number {
  if (status === 'WAITING' || phase === null) return 0;
  if (phase === 'reading') return fileSize > 0 ? Math.min(1, bytesDone / fileSize) * 50 : 0;
  return phase === 'checking' ? 60 : 80;
}

/** While a worker is at it. One may leave: the import goes on, and the bell tells when it has ended. */
export function ProgressPanel({ found, onCancelled }: { found: Import; onCancelled: () => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  const cancel = async () => {
    setBusy(true);
    try {
      await cancelImport(found.id);
      await onCancelled();
    } catch (cause) {
      announceFailure(t('It was not cancelled'), cause);
      setBusy(false);
    }
  };
  const isWaiting = found.status === 'WAITING' || found.phase === null;
  return (
    <section className={classes.progress} aria-label={t('Progress')}>
      <h2>{found.isDryRun ? t('Checking the file') : t('Importing')}</h2>
      <Progress value={shareOf(found)} animated size="lg" aria-label={t('Progress of the import')} />
      <p role="status">
        {found.wantsCancel
          ? t('It is being cancelled …')
          : isWaiting
            ? t('It begins in a moment …')
            : t('{phaseText}: {rowsDone} so far', {
                phaseText: PHASE_TEXT[found.phase ?? 'reading'],
                rowsDone: rowCount(found.rowsDone),
              })}
      </p>
      <p className={classes.note}>
        {found.isDryRun
          ? t('Nothing is changed: everything is tried and taken back.')
          : t('You may leave this page. The records appear all at once when everything is done, and you are told.')}
      </p>
      <Button variant="default" onClick={() => void cancel()} disabled={busy || found.wantsCancel}>
        {t('Cancel')}
      </Button>
    </section>
  );
}
