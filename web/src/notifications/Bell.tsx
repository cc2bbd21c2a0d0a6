import { IconBell } from '@tabler/icons-react';
import classes from './Bell.module.css';
import { openNotifications, useIsNotified, useNotifications } from './notificationStore.ts';
import { t } from '../language/t.ts';

/** How much is unread, and the way to it. */
export function Bell({ className, size, caption }: { className?: string | undefined; size: number; caption?: string }) {
  const unread = useNotifications((state) => state.unread);
  const isNotified = useIsNotified();
  if (!isNotified) return null;
  const shown = unread > 99 ? '99+' : String(unread);
  return (
    <button
      type="button"
      className={className}
      onClick={openNotifications}
      title={caption ? undefined : t('Notifications (N)')}
    >
      <span className={classes.bell}>
        <IconBell size={size} stroke={1.75} aria-hidden />
        {unread > 0 ? (
          <span className={classes.count} aria-hidden>
            {shown}
          </span>
        ) : null}
      </span>
      {caption ? <span>{caption}</span> : null}
      <span className="visually-hidden">
        {[caption ? '' : t('Notifications'), unread > 0 ? t('{shown} unread', { shown }) : '']
          .filter(Boolean)
          .join(', ')}
      </span>
    </button>
  );
}
