import { Button, Group } from '@mantine/core';
import { toFailure } from '../api/failure.ts';
import { say, unsay } from '../app/corner.ts';
import type { ModelObject } from '../model/types.ts';
import { undoStep, type Step } from '../undo/undo.ts';
import { reasonOf } from './refusals.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

export const announce = (title: string, message: string): void =>
  say({ color: 'red', title, message, autoClose: 8000, role: 'alert' });

/** Says in a corner that something was done that nothing else on the page shows. */
export const announceDone = (message: string): void =>
  say({ withBorder: true, message, autoClose: 5000, role: 'status' });

/** Says in a corner what did not work and why, in the server's own words. */
export const announceFailure = (title: string, cause: unknown): void => announce(title, reasonOf(toFailure(cause)));

/** Says that records were deleted, and offers them back. */
export const offerUndo = (object: ModelObject, count: number, step: Step, then: () => void): void =>
  offerToTakeBack(
    count === 1
      ? t('{labelSingular} deleted', { labelSingular: object.labelSingular })
      : t('{count} {labelPlural} deleted', { count, labelPlural: inSentence(object.labelPlural) }),
    () => undoStep(step, then),
  );

let offers = 0;

/** Says what was done, and offers to take it back. */
export function offerToTakeBack(what: string, undo: () => Promise<void>): void {
  const id = `undo-${(offers += 1)}`;
  say({
    id,
    withBorder: true,
    autoClose: 9000,
    message: (
      <Group justify="space-between" wrap="nowrap">
        <span>{what}</span>
        <Button
          variant="default"
          onClick={() => {
            unsay(id);
            void undo();
          }}
        >
          {t('Undo')}
        </Button>
      </Group>
    ),
  });
}
