import { Button } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconChevronRight } from '@tabler/icons-react';
import { useId, useState } from 'react';
import { formatInstant, formatRelative } from '../../model/dates.ts';
import { STATE_TEXTS, taskText } from './jobText.ts';
import classes from './jobs.module.css';
import type { Job } from './jobs.ts';
import { t } from '../../language/t.ts';

interface JobRowProps {
  job: Job;
  showsWorkspace: boolean;
  onRetry: (job: Job) => Promise<unknown>;
  onCancel: (job: Job) => Promise<unknown>;
}

const Time = ({ at }: { at: string }) => (
  <time dateTime={at} title={formatInstant(at)}>
    {formatRelative(at)}
  </time>
);

function When({ job }: { job: Job }) {
  if (job.state === 'RUNNING' && job.beganAt !== null)
    return (
      <>
        {t('began')} <Time at={job.beganAt} />
      </>
    );
  if (job.nextAt !== null)
    return (
      <>
        {t('next')} <Time at={job.nextAt} />
      </>
    );
  return (
    <>
      {t('added')} <Time at={job.createdAt} />
    </>
  );
}

export function JobRow({ job, showsWorkspace, onRetry, onCancel }: JobRowProps) {
  const [isOpen, setIsOpen] = useState(false);
  const [busy, setBusy] = useState<'retry' | 'cancel' | null>(null);
  const details = useId();
  const name = taskText(job.task);
  const act = async (what: 'retry' | 'cancel', work: (job: Job) => Promise<unknown>) => {
    setBusy(what);
    await work(job);
    setBusy(null);
  };
  const cancelWord =
    job.state === 'FAILED' ? t('Dismiss') : job.state === 'RUNNING' ? t('Do not try again') : t('Cancel');
  const confirmCancel = () =>
    modals.openConfirmModal({
      title: `${cancelWord}: ${name}`,
      children:
        job.state === 'RUNNING'
          ? t('It runs to its end. Should it fail, it is not tried again.')
          : t('It is taken out of the queue, and nothing brings it back.'),
      labels: { confirm: cancelWord, cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () => void act('cancel', onCancel),
    });
  return (
    <li className={classes.job} aria-label={`${name} ${job.id}`}>
      <button
        type="button"
        className={classes.head}
        aria-expanded={isOpen}
        aria-controls={details}
        onClick={() => setIsOpen(!isOpen)}
      >
        <IconChevronRight size={15} className={classes.chevron} data-open={isOpen || undefined} aria-hidden />
        <span className={classes.what}>
          <strong>{name}</strong>
          {showsWorkspace ? <small>{job.workspace ?? t('this server')}</small> : null}
          {job.error ? <small className={classes.errorLine}>{job.error.split('\n')[0]}</small> : null}
        </span>
        <span className={classes.facts}>
          <span className={classes.state} data-state={job.state}>
            {STATE_TEXTS[job.state]}
          </span>
          <small>
            <When job={job} />
          </small>
        </span>
      </button>
      <div id={details} hidden={!isOpen}>
        {isOpen ? (
          <div className={classes.details}>
            <dl className={classes.list}>
              <div>
                <dt>{t('Job')}</dt>
                <dd>
                  {job.id} · <code>{job.task}</code>
                </dd>
              </div>
              <div>
                <dt>{t('Added')}</dt>
                <dd>{formatInstant(job.createdAt)}</dd>
              </div>
              <div>
                <dt>{t('Attempts')}</dt>
                <dd>{t('{attempts} of {maxAttempts}', { attempts: job.attempts, maxAttempts: job.maxAttempts })}</dd>
              </div>
              {job.nextAt ? (
                <div>
                  <dt>{t('Next')}</dt>
                  <dd>{formatInstant(job.nextAt)}</dd>
                </div>
              ) : null}
            </dl>
            {job.error ? (
              <pre className={classes.pre} aria-label={t('Error')} tabIndex={0}>
                {job.error}
              </pre>
            ) : null}
            <pre className={classes.pre} aria-label={t('Payload')} tabIndex={0}>
              {JSON.stringify(job.payload, null, 2)}
            </pre>
            <div className={classes.actions}>
              {job.state === 'FAILED' || job.state === 'RETRYING' || job.state === 'SCHEDULED' ? (
                <Button variant="default" loading={busy === 'retry'} onClick={() => void act('retry', onRetry)}>
                  {job.state === 'SCHEDULED' ? t('Do it now') : t('Try again now')}
                </Button>
              ) : null}
              <Button variant="default" loading={busy === 'cancel'} onClick={confirmCancel}>
                {cancelWord}
              </Button>
            </div>
          </div>
        ) : null}
      </div>
    </li>
  );
}
