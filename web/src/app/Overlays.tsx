import { ModalsProvider } from '@mantine/modals';
import { Notifications } from '@mantine/notifications';
import '@mantine/notifications/styles.css';

/** What lies over every page: short messages in a corner, and questions. */
export function Overlays() {
  return (
    <>
      <Notifications position="bottom-right" limit={4} transitionDuration={120} />
      <ModalsProvider>{null}</ModalsProvider>
    </>
  );
}
