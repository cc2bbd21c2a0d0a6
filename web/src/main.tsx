import '@fontsource-variable/inter/wght.css';
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import { MantineProvider } from '@mantine/core';
import { ModalsProvider } from '@mantine/modals';
import { Notifications } from '@mantine/notifications';
import { lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import './app/global.css';
import { theme, variables } from './app/theme.ts';
import { loadIcons } from './fields/ObjectIcon.tsx';
import { isEntrancePath } from './session/entrancePaths.ts';

void loadIcons();

const Entrance = lazy(() => import('./session/Entrance.tsx').then((module) => ({ default: module.Entrance })));

const root = document.getElementById('root');
if (!root) throw new Error('The page has no element "root".');

createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <Notifications position="bottom-right" limit={4} transitionDuration={120} />
      <ModalsProvider>
        {isEntrancePath(window.location.pathname) ? (
          <Suspense fallback={null}>
            <Entrance />
          </Suspense>
        ) : (
          <App />
        )}
      </ModalsProvider>
    </MantineProvider>
  </StrictMode>,
);
