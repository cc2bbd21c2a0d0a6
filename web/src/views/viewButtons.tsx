import { ActionIcon, type ActionIconProps } from '@mantine/core';
import {
  IconCalendar,
  IconChevronDown,
  IconDots,
  IconLayoutGrid,
  IconLayoutKanban,
  IconLock,
  IconMap,
  IconTable,
  IconTimeline,
} from '@tabler/icons-react';
import type { ComponentPropsWithRef } from 'react';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import type { ModelObject } from '../model/types.ts';
import type { SavedView, ViewType } from './savedViews.ts';
import classes from './views.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** What a view shows its records as; the icon of one that has none of its own. */
export const VIEW_TYPES: { [type in ViewType]: { label: string; icon: typeof IconTable } } = {
  TABLE: { label: t('Table'), icon: IconTable },
  BOARD: { label: t('Board'), icon: IconLayoutKanban },
  CALENDAR: { label: t('Calendar'), icon: IconCalendar },
  TIMELINE: { label: t('Timeline'), icon: IconTimeline },
  GALLERY: { label: t('Gallery'), icon: IconLayoutGrid },
  MAP: { label: t('Map'), icon: IconMap },
};

export function TypeIcon({ type, size = 15 }: { type: ViewType; size?: number }) {
  const Icon = VIEW_TYPES[type].icon;
  return <Icon size={size} stroke={1.75} aria-hidden />;
}

// The buttons stand before the menus behind them are loaded.
export const ViewMenuButton = (
  props: ActionIconProps & Omit<ComponentPropsWithRef<'button'>, keyof ActionIconProps>,
) => (
  <ActionIcon
    {...props}
    variant="subtle"
    color="gray"
    size="md"
    aria-label={t('About this view')}
    title={t('About this view')}
  >
    <IconDots size={16} stroke={1.75} />
  </ActionIcon>
);

export const TypeButton = ({
  type,
  ...props
}: { type: ViewType } & ActionIconProps & Omit<ComponentPropsWithRef<'button'>, keyof ActionIconProps | 'type'>) => (
  <ActionIcon {...props} variant="subtle" color="gray" size="md" aria-label={t('Show as')} title={t('Show as')}>
    <TypeIcon type={type} size={16} />
  </ActionIcon>
);

export const allOf = (object: ModelObject): string =>
  t('All {labelPlural}', { labelPlural: inSentence(object.labelPlural) });

interface ViewButtonProps extends Omit<ComponentPropsWithRef<'button'>, 'type'> {
  object: ModelObject;
  view: SavedView | null;
  type: ViewType;
}

export const ViewButton = ({ object, view, type, ...props }: ViewButtonProps) => {
  const name = view?.name ?? allOf(object);
  return (
    <button
      type="button"
      {...props}
      className={classes.switcher}
      aria-label={t('View: {name}', { name })}
      title={t('Switch the view')}
    >
      {view?.icon ? <ObjectIcon name={view.icon} size={15} /> : <TypeIcon type={type} />}
      <span className={classes.switcherName}>{name}</span>
      {view?.isLocked ? <IconLock size={12} aria-label={t('Locked')} /> : null}
      <IconChevronDown size={13} aria-hidden />
    </button>
  );
};
