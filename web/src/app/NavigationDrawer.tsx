import { Drawer } from '@mantine/core';
import { Navigation } from './Navigation.tsx';
import { t } from '../language/t.ts';

/** Where there is no room for the navigation at the side. */
export default function NavigationDrawer({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Drawer
      opened={opened}
      onClose={onClose}
      size={300}
      padding={0}
      withCloseButton={false}
      attributes={{ content: { 'aria-label': t('Navigation') } }}
      transitionProps={{ duration: 140 }}
      styles={{ body: { height: '100%' } }}
    >
      <Navigation />
    </Drawer>
  );
}
