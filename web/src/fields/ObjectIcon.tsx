import { IconBox, type Icon } from '@tabler/icons-react';
import { create } from 'zustand';

interface IconsState {
  icons: { [name: string]: Icon } | null;
}

const useIcons = create<IconsState>(() => ({ icons: null }));

/** Begun at start-up, beside the first requests, so that the icons are there when the navigation is. */
export async function loadIcons(): Promise<void> {
  const icons = await import('./objectIcons.ts');
  useIcons.setState({ icons: { ...icons } });
}

export const useIconNames = (): string[] => Object.keys(useIcons((state) => state.icons) ?? {});

interface ObjectIconProps {
  name: string | null;
  color?: string | null;
  size?: number;
}

export function ObjectIcon({ name, color, size = 16 }: ObjectIconProps) {
  const icons = useIcons((state) => state.icons);
  const style = color ? { color: `var(--rv-ink-${color}, currentColor)`, flex: 'none' } : { flex: 'none' };
  if (!icons) return <span style={{ width: size, height: size, flex: 'none' }} />;
  const Found = (name && icons[name]) || IconBox;
  return <Found size={size} stroke={1.75} style={style} aria-hidden />;
}
