import { Group, Text } from '@mantine/core';
import { say } from '../app/corner.ts';
import type { ModelObject } from '../model/types.ts';
import { findDuplicates } from './calls.ts';
import { reasonText } from './reasonText.ts';
import { t } from '../language/t.ts';

const SHOWN_MS = 12_000;

/** Says in a corner, when a record was made without a form, who it may be the same as. That it cannot be told is nobody's worry. */
export async function tellDuplicates(object: ModelObject, id: string): Promise<void> {
  if (object.duplicateCriteria.length === 0) return;
  const found = await findDuplicates(object.nameSingular, id).catch(() => []);
  const [first] = found;
  if (!first) return;
  const others = found.length - 1;
  say({
    id: `duplicates-${id}`,
    withBorder: true,
    autoClose: SHOWN_MS,
    color: 'yellow',
    role: 'status',
    title: t('This may be there already'),
    message: (
      <Group gap={6}>
        <a href={`/objects/${object.namePlural}/${first.recordId}`} target="_blank" rel="noreferrer">
          {first.label || t('Untitled')}
        </a>
        <Text size="sm" c="dimmed">
          {others === 0
            ? `${reasonText(object, first.reasons)}`
            : t('{others, plural, one {{object}, and one more} other {{object}, and # more}}', {
                others,
                object: reasonText(object, first.reasons),
              })}
        </Text>
        <a href={`/objects/${object.namePlural}/${id}`}>{t('Compare')}</a>
      </Group>
    ),
  });
}
