import { Badge } from '@mantine/core';
import type { Health } from './webhooks.ts';

const STATES = {
  NEW: { color: 'gray', label: 'Nothing sent yet' },
  WORKING: { color: 'green', label: 'Works' },
  FAILING: { color: 'yellow', label: 'Some fail' },
  DOWN: { color: 'red', label: 'Receiver is down' },
  DISABLED: { color: 'red', label: 'Switched off by failures' },
  OFF: { color: 'gray', label: 'Off' },
} as const;

export function StateBadge({ health }: { health: Health | undefined }) {
  const { color, label } = STATES[health?.state ?? 'NEW'];
  return (
    <Badge color={color} variant="light" autoContrast>
      {label}
    </Badge>
  );
}
