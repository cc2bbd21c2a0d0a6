import { Button } from '@mantine/core';
import { IconAlertTriangle, IconCloudOff, IconCloudUp } from '@tabler/icons-react';
import { useState } from 'react';
import { look, useConnection } from '../api/connection.ts';
import { PendingDialog } from './PendingDialog.tsx';
import classes from './offline.module.css';
import { awayText, sendingText, stuckText } from './offlineText.ts';
import { usePending } from './pending.ts';
import { t } from '../language/t.ts';

/** Above every page while the server is away, or does not have all that was done. */
export function OfflineBar() {
  const awaySince = useConnection((state) => state.awaySince);
  const changes = usePending((state) => state.changes);
  const [opened, setOpened] = useState(false);
  const stuck = changes.filter(({ problem }) => problem !== null).length;
  const dialog = opened ? <PendingDialog onClose={() => setOpened(false)} /> : null;
  if (!awaySince && changes.length === 0) return dialog;

  const Icon = stuck > 0 ? IconAlertTriangle : awaySince ? IconCloudOff : IconCloudUp;
  const text = awaySince
    ? awayText(awaySince, changes.length)
    : stuck > 0
      ? stuckText(stuck)
      : sendingText(changes.length);
  return (
    <div className={classes.bar} role="region" aria-label={t('Changes that wait')}>
      <Icon size={16} stroke={1.75} aria-hidden />
      <p role="status">{text}</p>
      {awaySince ? (
        <Button size="compact-xs" variant="default" onClick={look}>
          {t('Try now')}
        </Button>
      ) : null}
      {changes.length > 0 ? (
        <Button size="compact-xs" variant={stuck > 0 ? 'filled' : 'default'} onClick={() => setOpened(true)}>
          {stuck > 0 ? t('Decide') : t('Show')}
        </Button>
      ) : null}
      {dialog}
    </div>
  );
}
