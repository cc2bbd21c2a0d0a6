import { Button, Group } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { toFailure } from '../api/failure.ts';
import type { ModelObject } from '../model/types.ts';

/** Says in a corner what did not work and why, in the server's own words. */
export function announceFailure(title: string, cause: unknown): void {
  const failure = toFailure(cause);
  notifications.show({
    color: 'red',
    title,
    message: [failure.message, failure.hint].filter(Boolean).join(' '),
    autoClose: 8000,
    role: 'alert',
  });
}

/** Says that records were deleted, and offers them back. */
export function offerUndo(object: ModelObject, count: number, undo: () => Promise<void>): void {
  const what = count === 1 ? `${object.labelSingular} deleted` : `${count} ${object.labelPlural.toLowerCase()} deleted`;
  const id = notifications.show({
    withBorder: true,
    autoClose: 9000,
    message: (
      <Group justify="space-between" wrap="nowrap">
        <span>{what}</span>
        <Button
          variant="default"
          onClick={() => {
            notifications.hide(id);
            void undo();
          }}
        >
          Undo
        </Button>
      </Group>
    ),
  });
}
