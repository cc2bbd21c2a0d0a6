import { Badge } from '@mantine/core';
import type { ScheduledExport } from './scheduled.ts';
import { t } from '../language/t.ts';

/** Whether it comes, and how it fares. */
export function ExportState({ item }: { item: ScheduledExport }) {
  const { isActive, stoppedReason, lastRun } = item;
  const [color, text] = stoppedReason
    ? ['red', t('Stopped')]
    : !isActive
      ? ['gray', t('Paused')]
      : lastRun === null
        ? ['gray', t('New')]
        : lastRun.state === 'FAILED'
          ? ['red', t('Failed')]
          : lastRun.state === 'DONE'
            ? ['green', t('Works')]
            : ['blue', t('Running')];
  return (
    <Badge color={color} variant="light" autoContrast>
      {text}
    </Badge>
  );
}
