import '@fontsource-variable/inter/wght.css';
import '@mantine/core/styles.css';
import { MantineProvider } from '@mantine/core';
import { Fragment, lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import './app/global.css';
import './app/phone.css';
import './app/forcedColors.css';
import { settle, settled } from './app/settled.ts';
import { theme, variables } from './app/theme.ts';
import { loadIcons } from './fields/ObjectIcon.tsx';
import { isEntrancePath } from './session/entrancePaths.ts';

void loadIcons();

// Only the page of a table is worth the wait. Whoever begins to work there wants all of it, as does whoever signs in there.
const isTable = /^\/(objects\/[^/]+\/?)?$/.test(window.location.pathname);
if (isTable) void import('./records/TablePage.tsx');
else settle();
for (const event of ['keydown', 'pointerdown']) window.addEventListener(event, settle, { once: true, capture: true });
setTimeout(settle, 2_000);

const Entrance = lazy(() => import('./session/Entrance.tsx').then((module) => ({ default: module.Entrance })));

const Direction =
  document.documentElement.dir === 'rtl'
    ? lazy(async () => ({ default: (await import('./app/RightToLeft.tsx')).RightToLeft }))
    : Fragment;

const overlays = settled.then(() => import('./app/Overlays.tsx'));
const Overlays = lazy(async () => ({ default: (await overlays).Overlays }));

const page = isEntrancePath(window.location.pathname) ? (
  <Suspense fallback={null}>
    <Entrance />
  </Suspense>
) : (
  <App />
);

const root = document.getElementById('root');
if (!root) throw new Error('The page has no element "root".'); // no text

createRoot(root).render(
  <StrictMode>
    <Direction>
      <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
        <Suspense fallback={null}>
          <Overlays />
          {isTable ? null : page}
        </Suspense>
        {isTable ? page : null}
      </MantineProvider>
    </Direction>
  </StrictMode>,
);
