import { ModalsProvider } from '@mantine/modals';
import { Notifications } from '@mantine/notifications';
import '@mantine/notifications/styles.css';
import { useEffect } from 'react';
import { keepFocus } from './keepFocus.ts';
import { followHeading } from './pageTitle.ts';

/** Nobody waits for it: it is for the next start, and for a version that may come. */
const AFTER_MS = 3_000;
if (import.meta.env.PROD)
  setTimeout(
    () =>
      void import('./versions.tsx').then(
        ({ followVersions }) => followVersions(),
        // Without the network there is no new version either; the next page asks again.
        () => undefined,
      ),
    AFTER_MS,
  );

/** What lies over every page: short messages in a corner, and questions. What watches over all of them comes with it. */
export function Overlays() {
  useEffect(keepFocus, []);
  useEffect(followHeading, []);
  return (
    <>
      <Notifications position="bottom-right" limit={4} transitionDuration={120} />
      <ModalsProvider>{null}</ModalsProvider>
    </>
  );
}
