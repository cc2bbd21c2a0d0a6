import { Alert, Button } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconArrowBackUp, IconDownload } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { ModelObject } from '../model/types.ts';
import { formatInstant } from '../model/dates.ts';
import { undoStep } from '../undo/undo.ts';
import { Figures } from './Figures.tsx';
import { undoneAs } from './followImport.ts';
import { objectCount } from './importText.ts';
import { countOf, rejectsAddress, type Import } from './imports.ts';
import classes from './imports.module.css';
import { ProblemList } from './ProblemList.tsx';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface ReportStepProps {
  object: ModelObject;
  found: Import;
  /** Goes back to the columns, where the file is still there. */
  onAgain: () => void;
  onNew: () => void;
  onChanged: () => Promise<void>;
}

/** The last step: what came of it, what was left out, and the way back. */
export function ReportStep({ object, found, onAgain, onNew, onChanged }: ReportStepProps) {
  const [busy, setBusy] = useState(false);
  const { result, failure, status } = found;

  const takeBack = async () => {
    setBusy(true);
    await undoStep(undoneAs(found));
    await onChanged();
    setBusy(false);
  };
  const ask = () =>
    modals.openConfirmModal({
      title: t('Undo the whole import?'),
      children: t(
        'What it created goes to the trash, and what it changed is as it was before. This can be undone, too.',
      ),
      labels: { confirm: t('Undo the import'), cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () => void takeBack(),
    });

  if (status === 'FAILED' || status === 'CANCELLED')
    return (
      <>
        <Alert
          color={status === 'FAILED' ? 'red' : 'gray'}
          role="alert"
          title={status === 'FAILED' ? t('The import failed') : t('The import was cancelled')}
        >
          {[failure?.message, failure?.hint, t('Nothing of it was kept.')].filter(Boolean).join(' ')}
        </Alert>
        <div className={classes.actions}>
          {found.isFileKept ? <Button onClick={onAgain}>{t('Back to the columns')}</Button> : null}
          <Button variant="default" onClick={onNew}>
            {t('Choose another file')}
          </Button>
        </div>
      </>
    );
  if (!result) return null;
  const changed = countOf(found);
  return (
    <>
      <Alert
        color={found.revertedAt ? 'gray' : 'green'}
        role="status"
        title={
          found.revertedAt
            ? t('Undone {revertedAt}', { revertedAt: formatInstant(found.revertedAt) })
            : t('{object} imported from {fileName}', { object: objectCount(object, changed), fileName: found.fileName })
        }
        mb="md"
      />
      <Figures object={object} result={result} />
      <div className={classes.actions}>
        <Button
          renderRoot={(props) => (
            <Link to="/objects/$namePlural" params={{ namePlural: object.namePlural }} {...props} />
          )}
        >
          {t('Show {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
        </Button>
        <Button variant="default" onClick={onNew}>
          {t('Import another file')}
        </Button>
        {found.hasRejectsFile ? (
          <Button
            variant="default"
            leftSection={<IconDownload size={14} />}
            component="a"
            href={rejectsAddress(found.id)}
            download
          >
            {t('Download the rejected rows')}
          </Button>
        ) : null}
        {found.revertedAt || changed === 0 ? null : (
          <Button
            variant="default"
            color="red"
            leftSection={<IconArrowBackUp size={14} />}
            loading={busy}
            onClick={ask}
          >
            {t('Undo the import')}
          </Button>
        )}
      </div>
      {result.rejected > 0 ? <ProblemList found={found} onMended={null} /> : null}
    </>
  );
}
