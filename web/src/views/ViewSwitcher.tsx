import { Combobox, useCombobox } from '@mantine/core';
import { IconCheck, IconLock, IconPlus } from '@tabler/icons-react';
import { useEffect, useEffectEvent, useState } from 'react';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import type { ModelObject } from '../model/types.ts';
import { useSession } from '../session/session.ts';
import type { ViewControls } from './controls.ts';
import { useFavourites } from './favourites.ts';
import type { SavedView, ViewType } from './savedViews.ts';
import { allOf, TypeIcon, ViewButton } from './viewButtons.tsx';
import classes from './views.module.css';
import { t } from '../language/t.ts';

interface ViewSwitcherProps {
  object: ModelObject;
  views: ViewControls;
  type: ViewType;
  onSaveAs: () => void;
  defaultOpened: boolean;
}

/** The views of an object by whose they are, with those one has at hand before them. */
function sections(views: SavedView[], me: string | null, isFavourite: (id: string) => boolean) {
  const others = views.filter(({ id }) => !isFavourite(id));
  const isMine = (view: SavedView) => view.visibility === 'PERSONAL' && view.ownerId === me && me !== null;
  return [
    { label: t('Favourites'), list: views.filter(({ id }) => isFavourite(id)) },
    { label: t('Mine'), list: others.filter(isMine) },
    {
      label: t('Shared with me'),
      list: others.filter((view) => view.visibility === 'PERSONAL' && !isMine(view) && view.ownerId !== null),
    },
    { label: t('Workspace'), list: others.filter(({ visibility }) => visibility === 'WORKSPACE') },
    { label: t('Left behind'), list: others.filter((view) => view.visibility === 'PERSONAL' && view.ownerId === null) },
  ].filter(({ list }) => list.length > 0);
}

const ALL = '';
const NEW = 'new';

export function ViewSwitcher({ object, views, type, onSaveAs, defaultOpened }: ViewSwitcherProps) {
  const [query, setQuery] = useState('');
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const favourites = useFavourites();
  const { known, view, open } = views;
  const combobox = useCombobox({
    onDropdownOpen: () => combobox.focusSearchInput(),
    onDropdownClose: () => {
      combobox.resetSelectedOption();
      combobox.focusTarget();
      setQuery('');
    },
  });
  const openAtOnce = useEffectEvent(() => combobox.openDropdown());
  useEffect(() => {
    if (defaultOpened) openAtOnce();
  }, [defaultOpened]);
  const all = allOf(object);
  const wanted = query.trim().toLowerCase();
  const matches = (name: string) => name.toLowerCase().includes(wanted);
  const shown = sections(
    known.views.filter(({ name }) => matches(name)),
    me,
    (id) => favourites.some(({ viewId }) => viewId === id),
  );
  const choose = (value: string) => {
    combobox.closeDropdown();
    if (value === NEW) onSaveAs();
    else open(value === ALL ? null : value);
  };
  const option = (id: string, name: string, each: SavedView | null) => (
    <Combobox.Option key={id} value={id} active={(view?.id ?? ALL) === id} className={classes.option}>
      {each?.icon ? <ObjectIcon name={each.icon} size={15} /> : <TypeIcon type={each?.type ?? 'TABLE'} />}
      <span className={classes.optionName}>
        {name}
        {each?.visibility === 'PERSONAL' && each.ownerId !== me && each.ownerName ? (
          <small className={classes.owner}>{each.ownerName}</small>
        ) : null}
      </span>
      <span className={classes.marks}>
        {known.defaultId === id ? <small>{t('first')}</small> : null}
        {each?.isLocked ? <IconLock size={13} aria-label={t('Locked')} /> : null}
        {(view?.id ?? ALL) === id ? <IconCheck size={14} aria-label={t('Open now')} /> : null}
      </span>
    </Combobox.Option>
  );
  return (
    <Combobox
      store={combobox}
      position="bottom-start"
      width={290}
      withinPortal={false}
      onOptionSubmit={choose}
      shadow="md"
    >
      <Combobox.Target targetType="button">
        <ViewButton object={object} view={view} type={type} onClick={() => combobox.toggleDropdown()} />
      </Combobox.Target>
      <Combobox.Dropdown>
        <Combobox.Search
          placeholder={t('Find a view')}
          aria-label={t('Find a view')}
          value={query}
          onChange={(event) => {
            setQuery(event.currentTarget.value);
            combobox.selectFirstOption();
          }}
        />
        <Combobox.Options mah={360} style={{ overflow: 'auto' }} aria-label={t('Views')}>
          {matches(all) ? option(ALL, all, null) : null}
          {shown.map(({ label, list }) => (
            <Combobox.Group key={label} label={label}>
              {list.map((each) => option(each.id, each.name, each))}
            </Combobox.Group>
          ))}
          <Combobox.Option value={NEW} className={classes.option} data-last>
            <IconPlus size={15} aria-hidden />
            {t('Save what is shown as a view…')}
          </Combobox.Option>
        </Combobox.Options>
        {shown.length === 0 ? (
          <Combobox.Footer className={classes.hint}>
            {wanted === ''
              ? t('A view keeps columns, filters and order. Filter or sort, then save what you see.')
              : t('No view is called so.')}
          </Combobox.Footer>
        ) : null}
      </Combobox.Dropdown>
    </Combobox>
  );
}
