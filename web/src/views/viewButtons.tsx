import { ActionIcon, type ActionIconProps } from '@mantine/core';
import { IconChevronDown, IconDots, IconLock, IconTable } from '@tabler/icons-react';
import type { ComponentPropsWithRef } from 'react';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import type { ModelObject } from '../model/types.ts';
import type { SavedView } from './savedViews.ts';
import classes from './views.module.css';

// The buttons stand before the menus behind them are loaded.
export const ViewMenuButton = (
  props: ActionIconProps & Omit<ComponentPropsWithRef<'button'>, keyof ActionIconProps>,
) => (
  <ActionIcon {...props} variant="subtle" color="gray" size="md" aria-label="About this view" title="About this view">
    <IconDots size={16} stroke={1.75} />
  </ActionIcon>
);

export const allOf = (object: ModelObject): string => `All ${object.labelPlural.toLowerCase()}`;

interface ViewButtonProps extends ComponentPropsWithRef<'button'> {
  object: ModelObject;
  view: SavedView | null;
}

export const ViewButton = ({ object, view, ...props }: ViewButtonProps) => {
  const name = view?.name ?? allOf(object);
  return (
    <button type="button" {...props} className={classes.switcher} aria-label={`View: ${name}`} title="Switch the view">
      {view?.icon ? <ObjectIcon name={view.icon} size={15} /> : <IconTable size={15} stroke={1.75} aria-hidden />}
      <span className={classes.switcherName}>{name}</span>
      {view?.isLocked ? <IconLock size={12} aria-label="Locked" /> : null}
      <IconChevronDown size={13} aria-hidden />
    </button>
  );
};
