import { DirectionProvider } from '@mantine/core';
import type { ReactNode } from 'react';

/** For languages that are written from right to left; no other waits for it. */
export function RightToLeft({ children }: { children: ReactNode }) {
  return (
    <DirectionProvider initialDirection="rtl" detectDirection={false}>
      {children}
    </DirectionProvider>
  );
}
