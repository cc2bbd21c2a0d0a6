import { useEffect } from 'react';
import { create } from 'zustand';
import { onNotifications, onReconnect } from '../api/live.ts';
import { ask } from '../model/calls.ts';
import { useSession } from '../session/session.ts';

interface NotificationState {
  /** Up to 100. */
  unread: number;
  opened: boolean;
  /** Rises whenever there may be something new to show. */
  round: number;
}

export const useNotifications = create<NotificationState>(() => ({ unread: 0, opened: false, round: 0 }));

export const openNotifications = (): void => {
  if (isNotified()) useNotifications.setState({ opened: true });
};
export const closeNotifications = (): void => useNotifications.setState({ opened: false });

/** Notifications are a member's own: nobody sees them who looks as the member, or acts as one. */
const isNotified = (): boolean => {
  const { identity } = useSession.getState();
  return Boolean(identity?.member && !identity.seeing && !identity.impersonator);
};

export const useIsNotified = (): boolean =>
  useSession(({ identity }) => Boolean(identity?.member && !identity.seeing && !identity.impersonator));

async function count(): Promise<void> {
  try {
    const unread = await ask<number>('myUnreadNotifications');
    useNotifications.setState(({ round }) => ({ unread, round: round + 1 }));
  } catch {
    // The number is a courtesy: it is asked for again with the next news.
  }
}

/** Keeps the number of unread notifications, for the bells and the title of the page. */
export function useUnreadCount(): void {
  const isOpen = useIsNotified();
  useEffect(() => {
    if (!isOpen) return;
    void count();
    const stops = [onNotifications(() => void count()), onReconnect(() => void count())];
    return () => stops.forEach((stop) => stop());
  }, [isOpen]);
}
