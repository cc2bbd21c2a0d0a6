import { IconCloudUp } from '@tabler/icons-react';
import classes from './offline.module.css';
import { t } from '../language/t.ts';

/** Beside what the server does not know yet. */
export function PendingMark() {
  return (
    <span className={classes.mark} role="img" aria-label={t('Waits to be sent')} title={t('Waits to be sent')}>
      <IconCloudUp size={13} stroke={1.75} aria-hidden />
    </span>
  );
}
