import { modals } from '@mantine/modals';
import { leavingText } from './offlineText.ts';
import { t } from '../language/t.ts';

export const askToLeave = (count: number, go: () => void): string =>
  modals.openConfirmModal({
    title: t('Sign out before everything is sent?'),
    children: leavingText(count),
    labels: { confirm: t('Sign out'), cancel: t('Stay') },
    onConfirm: go,
  });
