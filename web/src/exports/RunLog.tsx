import { Anchor, Badge, Skeleton, Table } from '@mantine/core';
import { useEffect } from 'react';
import { formatInstant } from '../model/dates.ts';
import { ReadFailure } from '../records/ReadFailure.tsx';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { runText, sizeText } from './exportText.ts';
import { askRuns, type ExportRun } from './scheduled.ts';
import classes from './exports.module.css';
import { t } from '../language/t.ts';

const LOOK_MS = 1_500;

interface RunLogProps {
  exportId: string;
  /** Changes when there is another run. */
  latest: string;
  /** What is said of the export elsewhere has changed. */
  onEnded: () => void;
}

/** What became of the runs of an export, the latest first. */
export function RunLog({ exportId, latest, onEnded }: RunLogProps) {
  const { answer, failure, again } = useInquiry(`${exportId} ${latest}`, () => askRuns(exportId));
  const isRunning = answer?.some(({ state }) => state === 'WAITING' || state === 'RUNNING') ?? false;
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(again, LOOK_MS);
    return () => {
      clearInterval(timer);
      onEnded();
    };
  }, [isRunning, again, onEnded]);
  if (failure && !answer) return <ReadFailure what={t('Runs')} failure={failure} onRetry={again} />;
  if (!answer) return <Skeleton height={120} />;
  if (answer.length === 0) return <p className={classes.note}>{t('It was not made yet.')}</p>;
  return (
    <div className={classes.runs} tabIndex={0} role="region" aria-label={t('Runs')}>
      <Table className={settings.table} aria-label={t('Runs')}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('When')}</Table.Th>
            <Table.Th>{t('Outcome')}</Table.Th>
            <Table.Th className={settings.wideOnly}>{t('Size')}</Table.Th>
            <Table.Th>{t('File')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {answer.map((run) => (
            <Table.Tr key={run.id}>
              <Table.Td>
                {formatInstant(run.createdAt)}{' '}
                {run.isManual ? (
                  <Badge variant="light" color="gray" autoContrast>
                    {t('By hand')}
                  </Badge>
                ) : null}
              </Table.Td>
              <Table.Td className={run.state === 'FAILED' ? classes.failed : undefined}>
                {runText(run)}
                {run.failure?.hint ? <div className={classes.note}>{run.failure.hint}</div> : null}
              </Table.Td>
              <Table.Td className={settings.wideOnly}>{run.bytes === null ? '' : sizeText(run.bytes)}</Table.Td>
              <Table.Td>
                <RunFile run={run} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function RunFile({ run }: { run: ExportRun }) {
  if (run.place !== null) return <>{run.place}</>;
  if (run.fileExpiresAt === null) return <>{run.state === 'DONE' ? t('Not kept any more') : ''}</>;
  return (
    <Anchor
      href={`/exports/runs/${run.id}/file`}
      download
      size="sm"
      aria-label={t('Download {name}', { name: run.fileName ?? '' })}
    >
      {t('Download')}
    </Anchor>
  );
}
