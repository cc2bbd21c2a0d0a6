import { ActionIcon, Button } from '@mantine/core';
import { IconDeviceFloppy, IconDownload, IconFilter, IconHistory, IconPlus, IconSearch } from '@tabler/icons-react';
import { useRouter } from '@tanstack/react-router';
import { lazy, memo, Suspense, useState, type ReactNode } from 'react';
import { LateMenu } from '../app/LateMenu.tsx';
import { useNarrow, usePhone } from '../app/phone.ts';
import { settled } from '../app/settled.ts';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { toGraphQLFilter } from '../model/filterTree.ts';
import { useMay } from '../model/store.ts';
import { orderBy } from '../model/sorting.ts';
import type { ColumnValue, Model, ModelObject } from '../model/types.ts';
import { useSession } from '../session/session.ts';
import { usePageActions } from '../find/pageActions.ts';
import { isSearch, withSearch } from '../find/viewFilters.ts';
import { ViewSearch } from '../find/ViewSearch.tsx';
import { useShortcut } from '../shortcuts/useShortcut.ts';
import { isChanged, type ViewControls } from '../views/controls.ts';
import { encodeColumns, type Shown } from '../views/shown.ts';
import { TypeButton, ViewButton, ViewMenuButton } from '../views/viewButtons.tsx';
import { shownFields } from './columnLayout.ts';
import { PageHeader } from './PageHeader.tsx';
import { ColumnsButton, SortButton } from './tableButtons.tsx';
import classes from './records.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const SortMenu = lazy(async () => {
  await settled;
  return { default: (await import('./SortMenu.tsx')).SortMenu };
});
const ColumnsMenu = lazy(async () => {
  await settled;
  return { default: (await import('./ColumnsMenu.tsx')).ColumnsMenu };
});
const TypeMenu = lazy(async () => {
  await settled;
  return { default: (await import('../views/TypeMenu.tsx')).TypeMenu };
});
const ViewSwitcher = lazy(async () => {
  await settled;
  return { default: (await import('../views/ViewSwitcher.tsx')).ViewSwitcher };
});
const ViewMenu = lazy(async () => {
  await settled;
  return { default: (await import('../views/ViewMenu.tsx')).ViewMenu };
});
const CreateHost = lazy(async () => {
  await settled;
  return { default: (await import('./CreateHost.tsx')).CreateHost };
});
const ViewChanges = lazy(async () => ({ default: (await import('../views/ViewChanges.tsx')).ViewChanges }));
const FilterBar = lazy(async () => ({ default: (await import('./FilterBar.tsx')).FilterBar }));
const ViewDialog = lazy(async () => ({ default: (await import('../views/ViewDialog.tsx')).ViewDialog }));
const ShareViewDialog = lazy(async () => ({ default: (await import('../views/ShareViewDialog.tsx')).ShareViewDialog }));
const ExportDialog = lazy(async () => ({ default: (await import('../exports/ExportDialog.tsx')).ExportDialog }));
const RepeatDialog = lazy(async () => ({ default: (await import('../exports/RepeatDialog.tsx')).RepeatDialog }));
const DefaultsDialog = lazy(async () => ({ default: (await import('../views/DefaultsDialog.tsx')).DefaultsDialog }));

/** What each way of showing the records of an object is given. */
export interface ViewPageProps {
  model: Model;
  object: ModelObject;
  shown: Shown;
  show: (next: Partial<Shown>) => void;
  views: ViewControls;
  /** Shows the list as it was. */
  onPast: () => void;
  /** Where a map looks, as the address has it. */
  sight?: string | undefined;
  onSight?: (sight: string) => void;
  /** Of a card on the page of another record: what the records have in common, which new ones have, too. */
  within?: { [column: string]: ColumnValue };
}

interface ViewFrameProps extends ViewPageProps {
  /** How many records there are, as the head says it. */
  note: string;
  /** Asks for a new record; null for who may make none. */
  onCreate: (() => void) | null;
  children: ReactNode;
}

/** Around the records of a view, whatever it shows them as; a card has a head of its own. */
export function ViewFrame({ children, ...props }: ViewFrameProps) {
  if (props.within) return children;
  return (
    <>
      <FrameHead {...props} />
      {children}
    </>
  );
}

/** Which view it is, what it filters and sorts by, and what may be done with it. Records that come do not concern it. */
const FrameHead = memo(function FrameHead({
  model,
  object,
  shown,
  show,
  views,
  onPast,
  note,
  onCreate,
}: Omit<ViewFrameProps, 'children'>) {
  const { filters, sorts, layout } = shown;
  const { view } = views;
  const phone = usePhone();
  const narrow = useNarrow();
  const router = useRouter();
  const [dialog, setDialog] = useState<'new' | 'rename' | 'share' | 'defaults' | 'export' | 'repeat' | null>(null);
  const mayExport = useMay('EXPORT_CSV');
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const [addingFilter, setAddingFilter] = useState(false);
  // From the first filter on, also while there is none: the line knows which one is new.
  const [filtering, setFiltering] = useState(false);
  useShortcut('view.filter', () => setAddingFilter(true));
  const sought = filters.find(isSearch);
  const [searching, setSearching] = useState(false);
  useShortcut('search', () => setSearching(true));
  usePageActions([
    {
      id: 'view-search',
      label: t('Search in this view'),
      icon: <IconSearch size={16} />,
      run: () => setSearching(true),
    },
    { id: 'view-filter', label: t('Add a filter'), icon: <IconFilter size={16} />, run: () => setAddingFilter(true) },
    {
      id: 'view-save',
      label: t('Save as a new view'),
      icon: <IconDeviceFloppy size={16} />,
      run: () => setDialog('new'),
    },
    ...(mayExport
      ? [
          {
            id: 'view-export',
            label: t('Export this view'),
            icon: <IconDownload size={16} />,
            run: () => setDialog('export'),
          },
        ]
      : []),
    ...(object.isAudited
      ? [{ id: 'view-past', label: t('Show this view as it was'), icon: <IconHistory size={16} />, run: onPast }]
      : []),
  ]);

  /** All of what is shown, for whoever opens it: also the columns that this browser alone remembers. */
  const link = () => {
    const { href } = router.buildLocation({
      to: '/objects/$namePlural',
      params: { namePlural: object.namePlural },
      search: {
        view: view?.id ?? 'all',
        ...(view ? {} : { columns: encodeColumns(object, layout) }),
        ...views.changes,
      },
    });
    return new URL(href, window.location.origin).href;
  };

  const switching = (
    <>
      <LateMenu button={<ViewButton object={object} view={view} type={shown.type} />}>
        {(isWanted) => (
          <ViewSwitcher
            object={object}
            views={views}
            type={shown.type}
            onSaveAs={() => setDialog('new')}
            defaultOpened={isWanted}
          />
        )}
      </LateMenu>
      <LateMenu button={<ViewMenuButton />}>
        {(isWanted) => (
          <ViewMenu
            object={object}
            views={views}
            link={link}
            onRename={() => setDialog('rename')}
            onShare={() => setDialog('share')}
            onDefaults={() => setDialog('defaults')}
            onExport={() => setDialog('export')}
            onPast={phone && object.isAudited ? onPast : null}
            defaultOpened={isWanted}
          />
        )}
      </LateMenu>
    </>
  );

  const tools = (
    <>
      <LateMenu button={<TypeButton type={shown.type} />}>
        {(isWanted) => <TypeMenu object={object} shown={shown} show={show} defaultOpened={isWanted} />}
      </LateMenu>
      {phone ? null : (
        <ActionIcon
          variant="subtle"
          color="gray"
          size="md"
          aria-label={t('Add a filter')}
          title={t('Filter')}
          onClick={() => setAddingFilter(true)}
        >
          <IconFilter size={16} stroke={1.75} />
        </ActionIcon>
      )}
      <LateMenu button={<SortButton isSorted={sorts.length > 0} />}>
        {(isWanted) => (
          <SortMenu object={object} sorts={sorts} onSort={(next) => show({ sorts: next })} defaultOpened={isWanted} />
        )}
      </LateMenu>
      {object.isAudited && !phone ? (
        <ActionIcon
          variant="subtle"
          color="gray"
          size="md"
          aria-label={t('As it was…')}
          title={t('As it was…')}
          onClick={onPast}
        >
          <IconHistory size={16} stroke={1.75} />
        </ActionIcon>
      ) : null}
      <LateMenu button={<ColumnsButton />}>
        {(isWanted) => (
          <ColumnsMenu
            object={object}
            layout={layout}
            onChange={(next) => show({ layout: next })}
            defaultOpened={isWanted}
          />
        )}
      </LateMenu>
    </>
  );
  // A phone has room for them in a line of their own, where filters are added, too.
  const start = phone ? (
    <div className={classes.tools}>
      {switching}
      {tools}
    </div>
  ) : null;
  const end = isChanged(views) ? (
    <Suspense fallback={null}>
      <ViewChanges object={object} shown={shown} views={views} onSaveAs={() => setDialog('new')} />
    </Suspense>
  ) : null;

  if (!filtering && (filters.length > 0 || addingFilter || start || end)) setFiltering(true);

  return (
    <>
      <PageHeader
        icon={<ObjectIcon name={object.icon} color={object.color} size={18} />}
        title={object.labelPlural}
        beside={phone ? undefined : switching}
        note={note}
        actions={
          <>
            {searching || sought ? (
              <ViewSearch
                label={t('Search in these {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
                text={sought?.value ?? ''}
                isAsked={searching}
                onFocused={() => setSearching(false)}
                onChange={(text) => show({ filters: withSearch(filters, text) })}
              />
            ) : null}
            {phone ? null : tools}
            {onCreate ? (
              <Button leftSection={<IconPlus size={14} stroke={2.2} />} onClick={onCreate} ml={4}>
                {narrow ? t('New') : t('New {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
              </Button>
            ) : null}
          </>
        }
      />
      {filtering ? (
        <Suspense
          fallback={
            <div className={classes.filters}>
              {start}
              {end}
            </div>
          }
        >
          <FilterBar
            model={model}
            object={object}
            filters={filters.filter((node) => node !== sought)}
            adding={addingFilter}
            onAdding={setAddingFilter}
            onChange={(next) => show({ filters: sought ? [sought, ...next] : next })}
            start={start}
            end={end}
          />
        </Suspense>
      ) : null}
      <Suspense fallback={null}>
        <CreateHost model={model} />
      </Suspense>
      <Suspense fallback={null}>
        {dialog === 'new' || (dialog === 'rename' && view) ? (
          <ViewDialog
            object={object}
            shown={shown}
            view={dialog === 'rename' ? view : null}
            onClose={() => setDialog(null)}
            onMade={views.open}
          />
        ) : null}
        {dialog === 'share' && view ? <ShareViewDialog view={view} onClose={() => setDialog(null)} /> : null}
        {dialog === 'export' ? (
          <ExportDialog
            object={object}
            fields={shownFields(object, layout)}
            filter={toGraphQLFilter(model, object, filters, new Date(), me)}
            orderBy={orderBy(object, sorts)}
            onRepeat={() => setDialog('repeat')}
            onClose={() => setDialog(null)}
          />
        ) : null}
        {dialog === 'repeat' ? (
          <RepeatDialog
            model={model}
            object={object}
            shown={shown}
            view={view && !isChanged(views) ? view : null}
            onClose={() => setDialog(null)}
          />
        ) : null}
        {dialog === 'defaults' && view ? (
          <DefaultsDialog object={object} view={view} known={views.known} onClose={() => setDialog(null)} />
        ) : null}
      </Suspense>
    </>
  );
});
