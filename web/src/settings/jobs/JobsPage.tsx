import { countText } from '../../model/formats.ts';
import { Alert, Button, SegmentedControl, Select, Skeleton } from '@mantine/core';
import { modals } from '@mantine/modals';
import { notifications } from '@mantine/notifications';
import { IconCircleCheck } from '@tabler/icons-react';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { Message } from '../../app/Message.tsx';
import { useMay } from '../../model/store.ts';
import { formatRelative } from '../../model/dates.ts';
import { announceFailure } from '../../records/announce.tsx';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import { PeopleFrame } from '../people/PeopleFrame.tsx';
import settings from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import { JobRow } from './JobRow.tsx';
import { RecurringTable, TaskTable } from './JobTables.tsx';
import { STATE_TEXTS, taskText } from './jobText.ts';
import classes from './jobs.module.css';
import {
  cancelJobs,
  JOB_STATES,
  jobOverview,
  jobs,
  jobSearch,
  MOST_JOBS,
  retryJobs,
  type JobSearch,
  type JobState,
  type TaskFigures,
} from './jobs.ts';
import { t } from '../../language/t.ts';
import { Trans } from '../../language/Trans.tsx';

const WATCH_MS = 3_000;
const PAGE = 50;

const COUNTED: { [state in JobState]: keyof TaskFigures } = {
  RUNNING: 'running',
  WAITING: 'waiting',
  SCHEDULED: 'scheduled',
  RETRYING: 'retrying',
  FAILED: 'failed',
};

/** What the workers do, wait for and could not do: for one workspace, or for all of the server. */
export function JobsPage() {
  const keepsWorkspace = useMay('WORKSPACE');
  const navigate = useNavigate();
  const given = jobSearch(useSearch({ strict: false }));
  // Who administers the server alone sees no workspace's own.
  const search: JobSearch = keepsWorkspace ? given : { ...given, all: true };
  const everywhere = search.all ?? false;
  const choose = (change: { [Key in keyof JobSearch]?: JobSearch[Key] | undefined }) =>
    void navigate({ to: '/settings/jobs', search: jobSearch({ ...search, ...change }), replace: true });
  const [most, setMost] = useState(PAGE);
  const overview = useInquiry(`job overview ${everywhere}`, () => jobOverview(everywhere));
  const list = useInquiry(`jobs ${JSON.stringify(search)} ${most}`, () => jobs(search, most));
  const [askOverview, askList] = [overview.again, list.again];
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden) return;
      askOverview();
      askList();
    }, WATCH_MS);
    return () => clearInterval(timer);
  }, [askOverview, askList]);

  const figures = overview.answer;
  const inState = (state: JobState): number =>
    (figures?.tasks ?? [])
      .filter(({ task }) => search.task === undefined || task === search.task)
      .reduce((sum, task) => sum + Number(task[COUNTED[state]]), 0);
  const act = async (what: 'retry' | 'cancel', ids: string[]) => {
    try {
      const done = await (what === 'retry' ? retryJobs : cancelJobs)(ids, everywhere);
      const word = what === 'retry' ? t('tried again') : search.state === 'FAILED' ? 'dismissed' : 'cancelled';
      notifications.show({
        message:
          done === 0
            ? t('It is gone already.')
            : t('{done, plural, one {# job {word}.} other {# jobs {word}.}}', { done, word }),
      });
    } catch (cause) {
      announceFailure(t('Nothing was changed'), cause);
    }
    overview.again();
    list.again();
  };
  const shown = list.answer ?? [];
  const dismissAll = () =>
    modals.openConfirmModal({
      title: t('{count, plural, one {Dismiss # failed job} other {Dismiss # failed jobs}}', { count: shown.length }),
      children: t('They are taken out of the queue, and nothing brings them back.'),
      labels: { confirm: t('Dismiss'), cancel: t('Keep them') },
      confirmProps: { color: 'red' },
      onConfirm: () =>
        void act(
          'cancel',
          shown.map(({ id }) => id),
        ),
    });
  const failure = overview.failure ?? list.failure;
  const again = () => {
    overview.again();
    list.again();
  };
  const tasks = [
    ...new Set([...(figures?.tasks ?? []).map(({ task }) => task), ...(search.task ? [search.task] : [])]),
  ];
  return (
    <PeopleFrame
      label={t('Jobs')}
      actions={
        figures?.administersInstance && keepsWorkspace ? (
          <SegmentedControl
            size="xs"
            aria-label={t('Whose jobs')}
            data={[
              { value: 'own', label: t('This workspace') },
              { value: 'all', label: t('All workspaces') },
            ]}
            value={everywhere ? 'all' : 'own'}
            onChange={(value) => choose({ all: value === 'all' ? true : undefined })}
          />
        ) : null
      }
    >
      <div className={settings.inner}>
        <p className={settings.intro}>
          {t(
            'What the workers do in the background, what waits, and what could not be done. Failed jobs are tried again later each time; what fails for good stays here for 90 days.',
          )}
        </p>
        {failure ? <ReadFailure what={t('Jobs')} failure={failure} onRetry={again} /> : null}
        {figures && !figures.hasWorker ? (
          <Alert color="orange" role="status" title={t('No worker is running')} mb="md">
            <Trans
              text={'Jobs wait until one is. The administrator of this server finds out more with {value}.'}
              values={{ value: <code>relvar doctor</code> }}
            />
          </Alert>
        ) : null}
        <div className={classes.bar}>
          <div className={classes.states} role="group" aria-label={t('State')}>
            <button
              type="button"
              aria-pressed={search.state === undefined}
              onClick={() => choose({ state: undefined })}
            >
              {t('All')}
            </button>
            {JOB_STATES.map((state) => (
              <button
                key={state}
                type="button"
                aria-pressed={search.state === state}
                data-alarm={state === 'FAILED' && inState(state) > 0 ? true : undefined}
                onClick={() => choose({ state })}
              >
                {STATE_TEXTS[state]} <span>{figures ? countText(inState(state)) : ''}</span>
              </button>
            ))}
          </div>
          <Select
            size="xs"
            aria-label={t('Task')}
            placeholder={t('Any task')}
            clearable
            clearButtonProps={{ 'aria-label': t('Any task') }}
            data={tasks.map((task) => ({ value: task, label: taskText(task) }))}
            value={search.task ?? null}
            onChange={(task) => choose({ task: task ?? undefined })}
          />
        </div>
        {search.state === 'FAILED' && shown.length > 0 ? (
          <div className={classes.bulk}>
            <Button
              variant="default"
              onClick={() =>
                void act(
                  'retry',
                  shown.map(({ id }) => id),
                )
              }
            >
              {t('Try all again')}
            </Button>
            <Button variant="default" onClick={dismissAll}>
              {t('Dismiss all')}
            </Button>
          </div>
        ) : null}
        {list.failure ? null : !list.answer ? (
          <Skeleton height={180} />
        ) : shown.length === 0 ? (
          <Message
            icon={<IconCircleCheck size={22} stroke={1.5} />}
            title={search.state === 'FAILED' ? t('Nothing has failed') : t('Nothing is in the queue')}
          >
            {t('Jobs come and go within moments; what was done is counted below.')}
          </Message>
        ) : (
          <>
            <ul className={classes.jobs} aria-label={t('Jobs')}>
              {shown.map((job) => (
                <JobRow
                  key={job.id}
                  job={job}
                  showsWorkspace={everywhere}
                  onRetry={({ id }) => act('retry', [id])}
                  onCancel={({ id }) => act('cancel', [id])}
                />
              ))}
            </ul>
            {shown.length >= most && most < MOST_JOBS ? (
              <Button variant="default" mt={10} loading={list.busy} onClick={() => setMost(most + PAGE)}>
                {t('More')}
              </Button>
            ) : shown.length >= MOST_JOBS ? (
              <p className={classes.note}>
                {t('The newest {mostJobs} are shown. Choose a state or a task to see others.', { mostJobs: MOST_JOBS })}
              </p>
            ) : null}
          </>
        )}
        {figures?.oldestWaitingAt && inState('WAITING') > 0 ? (
          <p className={classes.note}>
            {t('The first that waits was added {oldestWaitingAt}.', {
              oldestWaitingAt: formatRelative(figures.oldestWaitingAt),
            })}
          </p>
        ) : null}
        {figures ? <TaskTable tasks={figures.tasks} /> : null}
        {figures ? <RecurringTable recurring={figures.recurring} /> : null}
      </div>
    </PeopleFrame>
  );
}
