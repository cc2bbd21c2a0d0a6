import { Button, Group, Stack, Text } from '@mantine/core';
import { modals } from '@mantine/modals';
import { usedText } from './startText.ts';
import { t } from '../language/t.ts';

/** Whether samples that are in use stay, or go with the others; null for neither now. */
export const askAboutUsed = (used: number): Promise<'KEEP' | 'REMOVE' | null> =>
  new Promise((resolve) => {
    const answer = (given: 'KEEP' | 'REMOVE' | null) => {
      resolve(given);
      modals.close(id);
    };
    const id = modals.open({
      title: t('Some samples are in use'),
      onClose: () => resolve(null),
      children: (
        <Stack>
          <Text size="sm">{usedText(used)}</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => answer(null)}>
              {t('Cancel')}
            </Button>
            <Button variant="default" color="red" onClick={() => answer('REMOVE')}>
              {t('Remove them, too')}
            </Button>
            <Button onClick={() => answer('KEEP')}>{t('Keep them')}</Button>
          </Group>
        </Stack>
      ),
    });
  });
