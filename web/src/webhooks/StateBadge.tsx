import { Badge } from '@mantine/core';
import type { Health } from './webhooks.ts';
import { t } from '../language/t.ts';

const STATES = {
  NEW: { color: 'gray', label: t('Nothing sent yet') },
  WORKING: { color: 'green', label: t('Works') },
  FAILING: { color: 'yellow', label: t('Some fail') },
  DOWN: { color: 'red', label: t('Receiver is down') },
  DISABLED: { color: 'red', label: t('Switched off by failures') },
  OFF: { color: 'gray', label: t('Off') },
} as const;

export function StateBadge({ health }: { health: Health | undefined }) {
  const { color, label } = STATES[health?.state ?? 'NEW'];
  return (
    <Badge color={color} variant="light" autoContrast>
      {label}
    </Badge>
  );
}
