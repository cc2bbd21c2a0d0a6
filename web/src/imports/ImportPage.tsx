import { Button, Skeleton, Stepper } from '@mantine/core';
import { IconChevronRight, IconFileImport } from '@tabler/icons-react';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { Forbidden, Message } from '../app/Message.tsx';
import { usePhone } from '../app/phone.ts';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { objectByPlural } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { useMay, useModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { NoObject } from '../records/NoObject.tsx';
import { announceFailure } from '../records/announce.tsx';
import settings from '../settings/settings.module.css';
import { PlanDialog } from '../settings/PlanDialog.tsx';
import { CheckStep } from './CheckStep.tsx';
import { FileStep } from './FileStep.tsx';
import { followImport } from './followImport.ts';
import { discardImport, isRunning, type Import } from './imports.ts';
import classes from './imports.module.css';
import { MapStep } from './MapStep.tsx';
import { ProgressPanel } from './ProgressPanel.tsx';
import { ReportStep } from './ReportStep.tsx';
import { useImport } from './useImport.ts';
import { useUndo } from '../undo/undo.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** From a file to records: the file, its columns, what would come of it, and what came of it. The address holds the import, so that it can be left and found again. */
export function ImportPage() {
  const { namePlural = '' } = useParams({ strict: false });
  const object = objectByPlural(useModel(), namePlural);
  const mayImport = useMay('IMPORT_CSV');
  if (!object?.isActive) return <NoObject name={namePlural} />;
  const rights = rightsOf(object);
  if (!mayImport || !(rights.canCreate || rights.canUpdate))
    return (
      <Forbidden title={t('You may not import {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}>
        {t('Your role does not import files, or does not write these records. Ask somebody who keeps the roles.')}
      </Forbidden>
    );
  return <ImportOf key={object.id} object={object} />;
}

const STEPS = [t('File'), t('Columns'), t('Check'), t('Import')];

function stepOf(found: Import | null, isMapping: boolean): number {
  if (!found) return 0;
  if (isRunning(found)) return found.isDryRun ? 2 : 3;
  if (found.status === 'CHECKED') return isMapping ? 1 : 2;
  if (found.status === 'READY') return 1;
  return isMapping ? 1 : 3;
}

function ImportOf({ object }: { object: ModelObject }) {
  const search: { id?: string } = useSearch({ strict: false });
  const navigate = useNavigate();
  const phone = usePhone();
  const id = search.id ?? null;
  const { found, failure, again } = useImport(id);
  // Back to the columns of a file that was checked, or of an import that failed.
  const [isMapping, setMapping] = useState(false);
  const go = (next: string | null) => {
    setMapping(false);
    void navigate({
      to: '/objects/$namePlural/import',
      params: { namePlural: object.namePlural },
      search: next === null ? {} : { id: next },
    });
  };
  const discard = async () => {
    if (id === null) return;
    try {
      await discardImport(id);
      go(null);
    } catch (cause) {
      announceFailure(t('The file was not discarded'), cause);
    }
  };
  const started = async () => {
    setMapping(false);
    if (id !== null) void followImport(id, object);
    await again();
  };
  const runningId = found && isRunning(found) && !found.isDryRun ? found.id : null;
  useEffect(() => {
    if (runningId !== null) void followImport(runningId, object);
  }, [runningId, object]);
  // It may have been taken back from the keyboard.
  const { done, undone } = useUndo();
  useEffect(() => void again(), [done, undone, again]);
  const step = stepOf(found, isMapping);
  const label = object.labelPlural;

  return (
    <>
      <header className={settings.header}>
        <nav className={settings.crumbs} aria-label={t('Where you are')}>
          <ObjectIcon name={object.icon} color={object.color} size={18} />
          <Link to="/objects/$namePlural" params={{ namePlural: object.namePlural }} className={settings.crumb}>
            {label}
          </Link>
          <IconChevronRight size={14} aria-hidden />
          <h1 className={settings.title}>{t('Import {label}', { label: inSentence(label) })}</h1>
        </nav>
        <div className={settings.tools}>
          {found && ['READY', 'CHECKED'].includes(found.status) ? (
            <Button variant="subtle" color="gray" onClick={() => void discard()}>
              {t('Discard')}
            </Button>
          ) : null}
          <Button variant="default" renderRoot={(props) => <Link to="/settings/imports" {...props} />}>
            {phone ? t('All') : t('All imports')}
          </Button>
        </div>
      </header>
      <div
        className={settings.page}
        tabIndex={0}
        role="region"
        aria-label={t('Import {label}', { label: inSentence(label) })}
      >
        <div className={classes.inner}>
          <Stepper active={step} size="xs" iconSize={24} className={classes.steps} allowNextStepsSelect={false}>
            {STEPS.map((name, index) => (
              <Stepper.Step key={name} {...(phone ? { 'aria-label': `${index + 1} ${name}` } : { label: name })} />
            ))}
          </Stepper>
          {id === null ? (
            <FileStep object={object} onUploaded={go} />
          ) : failure && !found ? (
            <Message
              icon={<IconFileImport size={22} stroke={1.5} />}
              title={failure.code === 'NOT_FOUND' ? t('This import is not there') : t('The import could not be read')}
              actions={<Button onClick={() => go(null)}>{t('Choose a file')}</Button>}
            >
              {[failure.message, failure.hint].filter(Boolean).join(' ')}
            </Message>
          ) : !found ? (
            <Skeleton height={220} role="status" aria-label={t('Loading')} />
          ) : isRunning(found) ? (
            <ProgressPanel found={found} onCancelled={again} />
          ) : step === 1 ? (
            <MapStep object={object} found={found} onStarted={started} onGone={() => go(null)} />
          ) : step === 2 ? (
            <CheckStep object={object} found={found} onStarted={started} onBack={() => setMapping(true)} />
          ) : (
            <ReportStep
              object={object}
              found={found}
              onAgain={() => setMapping(true)}
              onNew={() => go(null)}
              onChanged={again}
            />
          )}
        </div>
      </div>
      <PlanDialog />
    </>
  );
}
