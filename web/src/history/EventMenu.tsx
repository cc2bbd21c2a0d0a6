import { ActionIcon, Menu } from '@mantine/core';
import { IconArrowBackUp, IconDots, IconStack2 } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import type { Model } from '../model/types.ts';
import { t } from '../language/t.ts';

const RevertDialog = lazy(async () => ({ default: (await import('./RevertDialog.tsx')).RevertDialog }));

/** What one does with an entry of a timeline: take this change back, or all that was done together with it. */
export function EventMenu({
  model,
  event,
  what,
}: {
  model: Model;
  event: { batch: string; seq: number };
  what: string;
}) {
  const [together, setTogether] = useState<boolean | null>(null);
  const { batch, seq } = event;
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t('More about: {what}', { what })}>
            <IconDots size={14} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconArrowBackUp size={15} />} onClick={() => setTogether(false)}>
            {t('Take this change back…')}
          </Menu.Item>
          <Menu.Item leftSection={<IconStack2 size={15} />} onClick={() => setTogether(true)}>
            {t('Take back all that was done together…')}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {together !== null ? (
        <Suspense fallback={null}>
          <RevertDialog
            model={model}
            title={together ? t('Take back all that was done together') : t('Take this change back')}
            changes={{ batch, seq, together }}
            onClose={() => setTogether(null)}
          />
        </Suspense>
      ) : null}
    </>
  );
}
