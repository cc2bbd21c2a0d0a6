import { countText } from '../../model/formats.ts';
import { Table } from '@mantine/core';
import { formatInstant, formatRelative } from '../../model/dates.ts';
import settings from '../settings.module.css';
import { durationText, scheduleText, taskText } from './jobText.ts';
import classes from './jobs.module.css';
import type { Recurring, TaskFigures } from './jobs.ts';
import { t } from '../../language/t.ts';

/** What became of jobs within a day. */
export function TaskTable({ tasks }: { tasks: TaskFigures[] }) {
  const busy = tasks.filter((task) => task.succeededToday + task.failedToday > 0);
  if (busy.length === 0) return null;
  return (
    <section className={classes.section} aria-labelledby="jobs-day">
      <h2 id="jobs-day">{t('The last 24 hours')}</h2>
      <div className={classes.scroll} tabIndex={0} role="group" aria-label={t('The last 24 hours, by task')}>
        <Table className={settings.table}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('Task')}</Table.Th>
              <Table.Th className={classes.number}>{t('Done')}</Table.Th>
              <Table.Th className={classes.number}>{t('Failed attempts')}</Table.Th>
              <Table.Th className={classes.number}>{t('Given up')}</Table.Th>
              <Table.Th className={classes.number}>{t('Mean')}</Table.Th>
              <Table.Th className={classes.number}>{t('Longest')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {busy.map((task) => (
              <Table.Tr key={task.task}>
                <Table.Td title={task.task}>{taskText(task.task)}</Table.Td>
                <Table.Td className={classes.number}>{countText(task.succeededToday)}</Table.Td>
                <Table.Td className={classes.number}>{countText(task.failedToday)}</Table.Td>
                <Table.Td className={classes.number}>{countText(task.givenUpToday)}</Table.Td>
                <Table.Td className={classes.number}>{durationText(task.milliseconds)}</Table.Td>
                <Table.Td className={classes.number}>{durationText(task.longest)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </section>
  );
}

export function RecurringTable({ recurring }: { recurring: Recurring[] }) {
  if (recurring.length === 0) return null;
  return (
    <section className={classes.section} aria-labelledby="jobs-recurring">
      <h2 id="jobs-recurring">{t('Recurring')}</h2>
      <div className={classes.scroll} tabIndex={0} role="group" aria-label={t('Recurring jobs')}>
        <Table className={settings.table}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('Task')}</Table.Th>
              <Table.Th>{t('When')}</Table.Th>
              <Table.Th>{t('Last')}</Table.Th>
              <Table.Th>{t('Next')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {recurring.map(({ name, task, schedule, lastAt, nextAt }) => (
              <Table.Tr key={name}>
                <Table.Td title={task}>{taskText(task)}</Table.Td>
                <Table.Td title={schedule}>{scheduleText(schedule)}</Table.Td>
                <Table.Td title={lastAt ? formatInstant(lastAt) : ''}>{lastAt ? formatRelative(lastAt) : '–'}</Table.Td>
                <Table.Td title={nextAt ? formatInstant(nextAt) : ''}>{nextAt ? formatRelative(nextAt) : '–'}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </section>
  );
}
