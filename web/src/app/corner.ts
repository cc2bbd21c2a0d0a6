import type { NotificationData } from '@mantine/notifications';
import { settle } from './settled.ts';

// Most pages are read without anything being said in the corner: it is loaded when the first thing is.
const load = () => import('@mantine/notifications');

export function say(message: NotificationData): void {
  settle();
  void load().then(({ notifications }) => {
    if (message.id !== undefined) notifications.hide(message.id);
    notifications.show(message);
  });
}

export const unsay = (id: string): void => void load().then(({ notifications }) => notifications.hide(id));
