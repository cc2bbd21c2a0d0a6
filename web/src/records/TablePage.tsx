import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef } from 'react';
import type { TableSearch } from '../app/router.tsx';
import { objectByPlural } from '../model/lookup.ts';
import { useModel, useWholeModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { useObjectViews, type SavedView } from '../views/savedViews.ts';
import { applyDifferences, differences, shownOf, usually, type Shown } from '../views/shown.ts';
import { announce } from './announce.tsx';
import { useColumnLayout } from './columnLayout.ts';
import { NoObject } from './NoObject.tsx';
import { ObjectTable } from './ObjectTable.tsx';
import { t } from '../language/t.ts';
import { rememberSearch } from './recordSequence.ts';

const BoardPage = lazy(async () => ({ default: (await import('../board/BoardPage.tsx')).BoardPage }));
const CalendarPage = lazy(async () => ({ default: (await import('../calendar/CalendarPage.tsx')).CalendarPage }));
const GalleryPage = lazy(async () => ({ default: (await import('../gallery/GalleryPage.tsx')).GalleryPage }));
const GanttPage = lazy(async () => ({ default: (await import('../gantt/GanttPage.tsx')).GanttPage }));
const MapPage = lazy(async () => ({ default: (await import('../map/MapPage.tsx')).MapPage }));
const PastTable = lazy(async () => ({ default: (await import('../history/PastTable.tsx')).PastTable }));

const PAGES = {
  TABLE: ObjectTable,
  BOARD: BoardPage,
  CALENDAR: CalendarPage,
  TIMELINE: GanttPage,
  GALLERY: GalleryPage,
  MAP: MapPage,
};

export { ObjectTable };

/** In the address: no view, where another one shows first. */
const ALL = 'all';

/** The address holds what is shown, so that it can be sent to someone, kept, and gone back to: a view and where one has left it. */
export function TablePage() {
  const model = useModel();
  const { namePlural = '' } = useParams({ strict: false });
  const object = objectByPlural(model, namePlural);
  if (!object?.isActive) return <NoObject name={namePlural} />;
  return <ShownTable key={object.id} object={object} />;
}

function ShownTable({ object }: { object: ModelObject }) {
  const model = useModel();
  const whole = useWholeModel();
  const search: TableSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const known = useObjectViews(object);
  const [usual, setUsual] = useColumnLayout(model, object);

  const wanted = search.view ?? known?.defaultId ?? ALL;
  const view = known?.views.find(({ id }) => id === wanted) ?? null;
  const base = useMemo<Shown>(
    () => (view ? shownOf(whole, object, view, usual) : usually(usual)),
    [whole, object, view, usual],
  );
  const key = JSON.stringify(search);
  const shown = useMemo(() => applyDifferences(object, base, JSON.parse(key) as TableSearch), [object, base, key]);

  const isMissing = known !== null && wanted !== ALL && view === null;
  const told = useRef<string | null>(null);
  useEffect(() => {
    if (!isMissing || told.current === wanted) return;
    told.current = wanted;
    announce(
      t('This view is not there'),
      t('It was deleted, or it is not shared with you. All records are shown instead.'),
    );
  }, [isMissing, wanted]);

  useEffect(() => {
    if (known) rememberSearch(object, { ...(JSON.parse(key) as TableSearch), view: wanted });
  }, [known, object, key, wanted]);

  const go = useCallback(
    (next: TableSearch, replace: boolean) =>
      void navigate({ to: '/objects/$namePlural', params: { namePlural: object.namePlural }, search: next, replace }),
    [navigate, object.namePlural],
  );
  const show = useCallback(
    (next: Partial<Shown>) => {
      const { columns, ...rest } = differences(object, base, { ...shown, ...next });
      // Without a view the columns are as one left them, here and in this browser.
      const isRemembered = view === null && search.columns === undefined;
      if (isRemembered && next.layout) setUsual(next.layout);
      go(
        {
          ...(search.view === undefined ? {} : { view: search.view }),
          ...(search.sight === undefined ? {} : { sight: search.sight }),
          ...rest,
          ...(isRemembered || columns === undefined ? {} : { columns }),
        },
        true,
      );
    },
    [object, base, shown, view, search.view, search.sight, search.columns, setUsual, go],
  );
  const open = useCallback(
    (next: SavedView | string | null) =>
      go({ view: next === null ? ALL : typeof next === 'string' ? next : next.id }, false),
    [go],
  );
  const discard = useCallback(
    () => go(search.view === undefined ? {} : { view: search.view }, true),
    [go, search.view],
  );

  const onSight = useCallback((sight: string) => go({ ...(JSON.parse(key) as TableSearch), sight }, true), [go, key]);

  // What shows first is not known yet: rather nothing for a moment than the wrong records.
  if (!known) return null;
  if (search.asOf)
    return (
      <Suspense fallback={null}>
        <PastTable
          model={model}
          object={object}
          shown={shown}
          asOf={search.asOf}
          onMove={(asOf) => {
            const { asOf: _, ...rest } = search;
            go(asOf === undefined ? rest : { ...rest, asOf }, asOf !== undefined);
          }}
        />
      </Suspense>
    );
  const Page = PAGES[shown.type];
  return (
    <Suspense fallback={null}>
      <Page
        onPast={() => go({ ...search, asOf: new Date().toISOString() }, false)}
        model={model}
        object={object}
        shown={shown}
        show={show}
        sight={search.sight}
        onSight={onSight}
        views={{
          known,
          view,
          changes: differences(object, base, shown),
          open,
          discard,
        }}
      />
    </Suspense>
  );
}
