import { ActionIcon, Button, NumberInput, Popover, Stack } from '@mantine/core';
import { IconDots, IconEyeOff, IconLayoutSidebarLeftCollapse } from '@tabler/icons-react';
import { useState } from 'react';
import type { BoardColumn } from './columns.ts';
import { t } from '../language/t.ts';

interface ColumnMenuProps {
  column: BoardColumn;
  limit: number | undefined;
  onLimit: (limit: number | undefined) => void;
  onCollapse: () => void;
  onHide: () => void;
}

/** What becomes of a column: how many cards it should hold, and whether it is seen. */
export function ColumnMenu({ column, limit, onLimit, onCollapse, onHide }: ColumnMenuProps) {
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" width={220} trapFocus shadow="md">
      <Popover.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={t('About the column {label}', { label: column.label })}
          onClick={() => setOpened(!opened)}
        >
          <IconDots size={15} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown p="xs">
        <Stack gap="xs">
          <NumberInput
            label={t('At most')}
            description={t('Says so when there are more cards')}
            placeholder={t('No limit')}
            min={1}
            allowDecimal={false}
            value={limit ?? ''}
            onChange={(value) => onLimit(typeof value === 'number' && value >= 1 ? value : undefined)}
          />
          <Button
            variant="default"
            leftSection={<IconLayoutSidebarLeftCollapse size={15} />}
            onClick={() => {
              setOpened(false);
              onCollapse();
            }}
          >
            {t('Collapse')}
          </Button>
          <Button variant="default" leftSection={<IconEyeOff size={15} />} onClick={onHide}>
            {t('Hide')}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
