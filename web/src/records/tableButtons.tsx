import { ActionIcon, type ActionIconProps } from '@mantine/core';
import { IconArrowsSort, IconColumns } from '@tabler/icons-react';
import type { ComponentPropsWithRef } from 'react';
import { t } from '../language/t.ts';

// The buttons stand before the menus behind them are loaded.
type ButtonProps = ActionIconProps & Omit<ComponentPropsWithRef<'button'>, keyof ActionIconProps>;

export const SortButton = ({ isSorted, ...props }: ButtonProps & { isSorted: boolean }) => (
  <ActionIcon
    {...props}
    variant={isSorted ? 'light' : 'subtle'}
    color={isSorted ? 'pine' : 'gray'}
    size="md"
    aria-label={t('Sort')}
    title={t('Sort')}
  >
    <IconArrowsSort size={16} stroke={1.75} />
  </ActionIcon>
);

export const ColumnsButton = (props: ButtonProps) => (
  <ActionIcon {...props} variant="subtle" color="gray" size="md" aria-label={t('Choose columns')} title={t('Columns')}>
    <IconColumns size={16} stroke={1.75} />
  </ActionIcon>
);
