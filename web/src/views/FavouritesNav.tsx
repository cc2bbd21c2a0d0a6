import { ActionIcon, Menu } from '@mantine/core';
import {
  IconChevronDown,
  IconChevronRight,
  IconDots,
  IconFolder,
  IconFolderPlus,
  IconGripVertical,
  IconLink,
  IconPencil,
  IconPlus,
  IconTable,
  IconTrash,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef, useState, type DragEvent, type KeyboardEvent } from 'react';
import shell from '../app/Shell.module.css';
import { Avatar } from '../fields/Avatar.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { objectById } from '../model/lookup.ts';
import { useMay, useModel } from '../model/store.ts';
import type { Model } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { knownLabel, readLabels } from '../records/recordLabels.ts';
import { useSession } from '../session/session.ts';
import { changeFavourite, useFavourites, type Favourite } from './favourites.ts';
import classes from './favourites.module.css';
import type { FavouriteForm } from './FavouriteDialog.tsx';
import { takeOut } from './takeOut.ts';
import { t } from '../language/t.ts';

const FavouriteDialog = lazy(async () => ({ default: (await import('./FavouriteDialog.tsx')).FavouriteDialog }));

const say = (title: string) => (cause: unknown) => announceFailure(title, cause);

/** What a favourite is called and where it leads; null where the role does not see it. */
function useDestination(model: Model, favourite: Favourite) {
  const { kind, label, objectId, recordId, view } = favourite;
  const object = objectById(model, view?.objectId ?? objectId ?? '');
  const [, setRead] = useState(0);
  useEffect(() => {
    if (kind !== 'RECORD' || !object || !recordId) return;
    readLabels(model, object, [recordId]).then(
      () => setRead((count) => count + 1),
      () => undefined,
    );
  }, [model, kind, object, recordId]);
  if (kind === 'LINK') return { label: label ?? '', object: null };
  if (!object?.isActive) return null;
  if (kind === 'VIEW') return view ? { label: label ?? view.name, object } : null;
  if (kind === 'RECORD') return { label: label ?? knownLabel(recordId ?? '') ?? '…', object };
  return { label: label ?? object.labelPlural, object };
}

/** Where a favourite comes to lie: before another one, or at the end of a folder (null: outside of them). */
interface Place {
  folderId: string | null;
  before: Favourite | null;
}

interface Moves {
  drag: Favourite | null;
  over: string | null;
  start: (favourite: Favourite | null) => void;
  hover: (key: string | null) => void;
  drop: (place: Place) => void;
  /** One place up or down among those that lie where it lies. */
  step: (favourite: Favourite, by: 1 | -1) => void;
}

/** The position between its new neighbours, so that nothing else moves. */
function positionIn(list: Favourite[], moved: Favourite, before: Favourite | null): number {
  const rest = list.filter(({ id }) => id !== moved.id);
  const at = before ? rest.findIndex(({ id }) => id === before.id) : rest.length;
  const [previous, next] = [rest[at - 1]?.position, rest[at]?.position];
  if (previous === undefined) return (next ?? 1) - 1;
  return next === undefined ? previous + 1 : (previous + next) / 2;
}

function Item({
  model,
  favourite,
  moves,
  mayChange,
  onEdit,
}: {
  model: Model;
  favourite: Favourite;
  moves: Moves;
  mayChange: boolean;
  onEdit: (form: FavouriteForm) => void;
}) {
  const destination = useDestination(model, favourite);
  if (!destination) return null;
  const { label, object } = destination;
  const { id, kind, recordId, viewId, url } = favourite;
  const content = (
    <>
      {kind === 'LINK' ? (
        <IconLink size={16} stroke={1.75} aria-hidden />
      ) : kind === 'RECORD' ? (
        <Avatar label={label} seed={recordId ?? ''} size={16} round={object?.nameSingular === 'person'} />
      ) : kind === 'VIEW' && !favourite.view?.icon ? (
        <IconTable size={16} stroke={1.75} aria-hidden />
      ) : (
        <ObjectIcon name={favourite.view?.icon ?? object?.icon ?? null} color={object?.color ?? null} />
      )}
      <span className={shell.linkLabel}>{label}</span>
    </>
  );
  const remove = () => void takeOut(favourite);
  return (
    <li
      className={classes.item}
      data-over={moves.over === id || undefined}
      {...dragging(favourite, moves, mayChange, { folderId: favourite.folderId, before: favourite })}
    >
      {object === null ? (
        <a
          href={url ?? ''}
          className={shell.link}
          {...(url?.startsWith('/') ? {} : { target: '_blank', rel: 'noreferrer' })}
        >
          {content}
        </a>
      ) : kind === 'RECORD' ? (
        <Link
          to="/objects/$namePlural/$id"
          params={{ namePlural: object.namePlural, id: recordId ?? '' }}
          className={shell.link}
        >
          {content}
        </Link>
      ) : (
        <Link
          to="/objects/$namePlural"
          params={{ namePlural: object.namePlural }}
          search={kind === 'VIEW' ? { view: viewId ?? '' } : {}}
          className={shell.link}
          activeOptions={{ includeSearch: true, exact: true }}
        >
          {content}
        </Link>
      )}
      {mayChange ? (
        <ItemMenu
          label={label}
          favourite={favourite}
          moves={moves}
          onRemove={remove}
          onEdit={kind === 'LINK' ? () => onEdit({ favourite }) : undefined}
        />
      ) : null}
    </li>
  );
}

const dragging = (favourite: Favourite, moves: Moves, mayChange: boolean, place: Place) =>
  mayChange
    ? {
        draggable: true,
        onDragStart: (event: DragEvent) => {
          event.stopPropagation();
          event.dataTransfer.effectAllowed = 'move';
          event.dataTransfer.setData('text/plain', favourite.id);
          moves.start(favourite);
        },
        onDragEnd: () => moves.start(null),
        onDragOver: (event: DragEvent) => {
          if (!moves.drag || moves.drag.memberId !== favourite.memberId || moves.drag.id === favourite.id) return;
          event.preventDefault();
          event.stopPropagation();
          moves.hover(favourite.id);
        },
        onDrop: (event: DragEvent) => {
          event.preventDefault();
          event.stopPropagation();
          moves.drop(place);
        },
      }
    : {};

function ItemMenu({
  label,
  favourite,
  moves,
  onRemove,
  onEdit,
}: {
  label: string;
  favourite: Favourite;
  moves: Moves;
  onRemove: () => void;
  onEdit: (() => void) | undefined;
}) {
  const folders = useFavourites().filter(
    ({ kind, memberId, id }) => kind === 'FOLDER' && memberId === favourite.memberId && id !== favourite.folderId,
  );
  const move = (folderId: string | null) => void changeFavourite(favourite.id, { folderId }).catch(say(t('Not moved')));
  const onKeyDown = (event: KeyboardEvent) => {
    if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
    event.preventDefault();
    moves.step(favourite, event.key === 'ArrowUp' ? -1 : 1);
  };
  return (
    <Menu position="bottom-start" width={200} withinPortal>
      <Menu.Target>
        <ActionIcon
          className={classes.more}
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={t('About {label}', { label })}
          onKeyDown={onKeyDown}
        >
          <IconDots size={14} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {onEdit ? (
          <Menu.Item leftSection={<IconPencil size={15} />} onClick={onEdit}>
            {favourite.kind === 'FOLDER' ? t('Rename…') : t('Change…')}
          </Menu.Item>
        ) : null}
        <Menu.Item leftSection={<IconGripVertical size={15} />} onClick={() => moves.step(favourite, -1)}>
          {t('Move up')}
        </Menu.Item>
        <Menu.Item leftSection={<IconGripVertical size={15} />} onClick={() => moves.step(favourite, 1)}>
          {t('Move down')}
        </Menu.Item>
        {favourite.kind !== 'FOLDER' && favourite.folderId ? (
          <Menu.Item leftSection={<IconFolder size={15} />} onClick={() => move(null)}>
            {t('Out of the folder')}
          </Menu.Item>
        ) : null}
        {favourite.kind !== 'FOLDER'
          ? folders.map((folder) => (
              <Menu.Item key={folder.id} leftSection={<IconFolder size={15} />} onClick={() => move(folder.id)}>
                {t('Into {label}', { label: folder.label })}
              </Menu.Item>
            ))
          : null}
        <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={onRemove}>
          {favourite.kind === 'FOLDER' ? t('Delete the folder') : t('Take out')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

const foldKey = 'relvar.folded';
const readFolded = (): string[] => {
  try {
    return JSON.parse(localStorage.getItem(foldKey) ?? '[]') as string[];
  } catch {
    return [];
  }
};

/** One's own favourites, or those of everybody. */
function Section({
  title,
  list,
  mayChange,
  memberId,
}: {
  title: string;
  list: Favourite[];
  mayChange: boolean;
  memberId: string | null;
}) {
  const model = useModel();
  const [folded, setFolded] = useState(readFolded);
  const [drag, setDrag] = useState<Favourite | null>(null);
  const [over, setOver] = useState<string | null>(null);
  const [form, setForm] = useState<FavouriteForm | null>(null);
  const inFolder = (folderId: string | null) => list.filter((each) => each.folderId === folderId);
  const place = useRef<HTMLUListElement>(null);

  const put = (moved: Favourite, { folderId, before }: Place) => {
    if (moved.kind === 'FOLDER' && folderId !== null) return;
    const position = positionIn(inFolder(folderId), moved, before);
    void changeFavourite(moved.id, { folderId, position }).catch(say(t('Not moved')));
  };
  const moves: Moves = {
    drag,
    over,
    start: (favourite) => {
      setDrag(favourite);
      setOver(null);
    },
    hover: setOver,
    drop: (to) => {
      if (drag && to.before?.id !== drag.id) put(drag, to);
      setDrag(null);
      setOver(null);
    },
    step: (favourite, by) => {
      const beside = inFolder(favourite.folderId);
      const at = beside.findIndex(({ id }) => id === favourite.id);
      if (at + by < 0 || at + by >= beside.length) return;
      put(favourite, { folderId: favourite.folderId, before: beside[by < 0 ? at - 1 : at + 2] ?? null });
    },
  };
  const fold = (id: string) => {
    const next = folded.includes(id) ? folded.filter((each) => each !== id) : [...folded, id];
    setFolded(next);
    localStorage.setItem(foldKey, JSON.stringify(next));
  };
  const item = (favourite: Favourite) => (
    <Item key={favourite.id} model={model} favourite={favourite} moves={moves} mayChange={mayChange} onEdit={setForm} />
  );
  return (
    <section aria-label={title}>
      <div className={classes.head}>
        <span className={shell.heading}>{title}</span>
        {mayChange ? (
          <Menu position="bottom-end" width={180}>
            <Menu.Target>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label={t('Add to {title}', { title: title.toLowerCase() })}
              >
                <IconPlus size={14} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item
                leftSection={<IconFolderPlus size={15} />}
                onClick={() => setForm({ kind: 'FOLDER', memberId })}
              >
                {t('New folder…')}
              </Menu.Item>
              <Menu.Item leftSection={<IconLink size={15} />} onClick={() => setForm({ kind: 'LINK', memberId })}>
                {t('New link…')}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        ) : null}
      </div>
      <ul
        ref={place}
        className={classes.list}
        onDragOver={(event) => {
          if (drag) event.preventDefault();
        }}
        onDrop={() => moves.drop({ folderId: null, before: null })}
      >
        {inFolder(null).map((favourite) => {
          if (favourite.kind !== 'FOLDER') return item(favourite);
          const isFolded = folded.includes(favourite.id);
          const inside = inFolder(favourite.id);
          const intoFolder = drag && drag.kind !== 'FOLDER';
          return (
            <li key={favourite.id}>
              <div
                className={classes.item}
                data-over={over === favourite.id || undefined}
                {...dragging(
                  favourite,
                  moves,
                  mayChange,
                  intoFolder ? { folderId: favourite.id, before: null } : { folderId: null, before: favourite },
                )}
              >
                <button
                  type="button"
                  className={`${shell.link} ${classes.folder}`}
                  aria-expanded={!isFolded}
                  onClick={() => fold(favourite.id)}
                >
                  {isFolded ? <IconChevronRight size={14} aria-hidden /> : <IconChevronDown size={14} aria-hidden />}
                  <span className={shell.linkLabel}>{favourite.label}</span>
                </button>
                {mayChange ? (
                  <ItemMenu
                    label={favourite.label ?? t('the folder')}
                    favourite={favourite}
                    moves={moves}
                    onEdit={() => setForm({ favourite })}
                    onRemove={() => void takeOut(favourite)}
                  />
                ) : null}
              </div>
              {isFolded ? null : (
                <ul className={`${classes.list} ${classes.inside}`}>
                  {inside.map(item)}
                  {inside.length === 0 ? <li className={classes.empty}>{t('Drag something here.')}</li> : null}
                </ul>
              )}
            </li>
          );
        })}
      </ul>
      {form ? (
        <Suspense fallback={null}>
          <FavouriteDialog form={form} onClose={() => setForm(null)} />
        </Suspense>
      ) : null}
    </section>
  );
}

/** What people want at hand, above the objects. Drawn once there is something, or somebody may begin. */
export function FavouritesNav() {
  const favourites = useFavourites();
  const keepsViews = useMay('VIEWS');
  const identity = useSession((state) => state.identity);
  const me = identity?.member?.id ?? null;
  const mayWrite = !identity?.seeing;
  const own = favourites.filter(({ memberId }) => memberId !== null);
  const shared = favourites.filter(({ memberId }) => memberId === null);
  if (favourites.length === 0) return null;
  return (
    <>
      {own.length > 0 ? (
        <Section title={t('Favourites')} list={own} mayChange={mayWrite && me !== null} memberId={me} />
      ) : null}
      {shared.length > 0 ? (
        <Section title={t('For everybody')} list={shared} mayChange={mayWrite && keepsViews} memberId={null} />
      ) : null}
    </>
  );
}
