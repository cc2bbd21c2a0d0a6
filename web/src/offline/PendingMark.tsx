import { IconCloudUp } from '@tabler/icons-react';
import classes from './offline.module.css';

/** Beside what the server does not know yet. */
export function PendingMark() {
  return (
    <span className={classes.mark} role="img" aria-label="Waits to be sent" title="Waits to be sent">
      <IconCloudUp size={13} stroke={1.75} aria-hidden />
    </span>
  );
}
