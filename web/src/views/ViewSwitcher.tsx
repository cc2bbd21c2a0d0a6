import { Menu } from '@mantine/core';
import { IconCheck, IconChevronDown, IconLock, IconPlus, IconTable } from '@tabler/icons-react';
import { useState } from 'react';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import type { ModelObject } from '../model/types.ts';
import { useSession } from '../session/session.ts';
import type { ViewControls } from './controls.ts';
import { useFavourites } from './favourites.ts';
import type { SavedView } from './savedViews.ts';
import classes from './views.module.css';

interface ViewSwitcherProps {
  object: ModelObject;
  views: ViewControls;
  onSaveAs: () => void;
}

/** The views of an object by whose they are, with those one has at hand before them. */
function sections(views: SavedView[], me: string | null, isFavourite: (id: string) => boolean) {
  const others = views.filter(({ id }) => !isFavourite(id));
  const isMine = (view: SavedView) => view.visibility === 'PERSONAL' && view.ownerId === me && me !== null;
  return [
    { label: 'Favourites', list: views.filter(({ id }) => isFavourite(id)) },
    { label: 'Mine', list: others.filter(isMine) },
    {
      label: 'Shared with me',
      list: others.filter((view) => view.visibility === 'PERSONAL' && !isMine(view) && view.ownerId !== null),
    },
    { label: 'Workspace', list: others.filter(({ visibility }) => visibility === 'WORKSPACE') },
    { label: 'Left behind', list: others.filter((view) => view.visibility === 'PERSONAL' && view.ownerId === null) },
  ].filter(({ list }) => list.length > 0);
}

export function ViewSwitcher({ object, views, onSaveAs }: ViewSwitcherProps) {
  const [query, setQuery] = useState('');
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const favourites = useFavourites();
  const { known, view, open } = views;
  const all = `All ${object.labelPlural.toLowerCase()}`;
  const wanted = query.trim().toLowerCase();
  const matches = (name: string) => name.toLowerCase().includes(wanted);
  const shown = sections(
    known.views.filter(({ name }) => matches(name)),
    me,
    (id) => favourites.some(({ viewId }) => viewId === id),
  );
  const isFirst = (id: string | null) => known.defaultId === id;
  return (
    <Menu position="bottom-start" width={280} onClose={() => setQuery('')}>
      <Menu.Target>
        <button
          type="button"
          className={classes.switcher}
          aria-label={`View: ${view?.name ?? all}`}
          title="Switch the view"
        >
          {view?.icon ? <ObjectIcon name={view.icon} size={15} /> : <IconTable size={15} stroke={1.75} aria-hidden />}
          <span className={classes.switcherName}>{view?.name ?? all}</span>
          {view?.isLocked ? <IconLock size={12} aria-label="Locked" /> : null}
          <IconChevronDown size={13} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown mah={420} style={{ overflow: 'auto' }} aria-label="Views">
        <Menu.Search
          placeholder="Find a view"
          aria-label="Find a view"
          value={query}
          onChange={(event) => setQuery(event.currentTarget.value)}
        />
        {matches(all) ? (
          <Menu.Item
            leftSection={<IconTable size={15} stroke={1.75} />}
            rightSection={view === null ? <IconCheck size={14} aria-label="Open now" /> : undefined}
            onClick={() => open(null)}
          >
            {all}
          </Menu.Item>
        ) : null}
        {shown.map(({ label, list }) => (
          <div key={label} role="group" aria-label={label}>
            <Menu.Label>{label}</Menu.Label>
            {list.map((each) => (
              <Menu.Item
                key={each.id}
                leftSection={
                  each.icon ? <ObjectIcon name={each.icon} size={15} /> : <IconTable size={15} stroke={1.75} />
                }
                rightSection={
                  <span className={classes.marks}>
                    {isFirst(each.id) ? <small>first</small> : null}
                    {each.isLocked ? <IconLock size={13} aria-label="Locked" /> : null}
                    {each.id === view?.id ? <IconCheck size={14} aria-label="Open now" /> : null}
                  </span>
                }
                onClick={() => open(each)}
              >
                {each.name}
                {each.visibility === 'PERSONAL' && each.ownerId !== me && each.ownerName ? (
                  <small className={classes.owner}>{each.ownerName}</small>
                ) : null}
              </Menu.Item>
            ))}
          </div>
        ))}
        {shown.length === 0 && wanted !== '' && !matches(all) ? <Menu.Label>No view is called so.</Menu.Label> : null}
        {known.views.length === 0 && wanted === '' ? (
          <Menu.Label className={classes.hint}>
            A view keeps columns, filters and order. Filter or sort, then save what you see.
          </Menu.Label>
        ) : null}
        <Menu.Divider />
        <Menu.Item leftSection={<IconPlus size={15} />} onClick={onSaveAs}>
          Save what is shown as a view…
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
