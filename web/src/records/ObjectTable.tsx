import { ActionIcon, Button } from '@mantine/core';
import { IconFilter, IconHistory, IconPlus } from '@tabler/icons-react';
import { useNavigate, useRouter } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { useCreate } from '../app/commandStore.ts';
import { LateMenu } from '../app/LateMenu.tsx';
import { Message } from '../app/Message.tsx';
import { usePhone } from '../app/phone.ts';
import { settle, settled } from '../app/settled.ts';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { fieldsToAsk } from '../fields/rules.ts';
import { cellKey, createGridStore } from '../grid/store.ts';
import { localDay } from '../model/dates.ts';
import { toGraphQLFilter } from '../model/filterTree.ts';
import { labelField } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { orderBy } from '../model/sorting.ts';
import { isEditable } from '../model/text.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { useSession } from '../session/session.ts';
import { announceFailure, offerUndo } from './announce.tsx';
import { createRecord, deleteRecords } from './changes.ts';
import type { Step } from '../undo/undo.ts';
import { isChanged, type ViewControls } from '../views/controls.ts';
import { encodeColumns, type Shown } from '../views/shown.ts';
import { ViewChanges } from '../views/ViewChanges.tsx';
import { ViewButton, ViewMenuButton } from '../views/viewButtons.tsx';
import { shownFields } from './columnLayout.ts';
import type { FormStart } from './CreateModal.tsx';
import { dependencies } from './dependencies.ts';
import { PageHeader } from './PageHeader.tsx';
import { RecordGrid } from './RecordGrid.tsx';
import { RecordList } from './RecordList.tsx';
import { rememberList } from './recordSequence.ts';
import { SelectionBar } from './SelectionBar.tsx';
import { ColumnsButton, SortButton } from './tableButtons.tsx';
import classes from './records.module.css';
import { createTableStore } from './tableStore.ts';
import { isShownAlready } from './isShownAlready.ts';
import { useLiveObjects } from './useLiveObject.ts';

/** Up to here all columns are read with a row; of more, those on screen and a few beside them. */
const WIDE = 40;
const READ_AT_FIRST = 16;
const SETTLE_MS = 80;

const SortMenu = lazy(async () => {
  await settled;
  return { default: (await import('./SortMenu.tsx')).SortMenu };
});
const ColumnsMenu = lazy(async () => {
  await settled;
  return { default: (await import('./ColumnsMenu.tsx')).ColumnsMenu };
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
const CreateModal = lazy(async () => ({ default: (await import('./CreateModal.tsx')).CreateModal }));
const FilterBar = lazy(async () => ({ default: (await import('./FilterBar.tsx')).FilterBar }));
const ViewDialog = lazy(async () => ({ default: (await import('../views/ViewDialog.tsx')).ViewDialog }));
const ShareViewDialog = lazy(async () => ({ default: (await import('../views/ShareViewDialog.tsx')).ShareViewDialog }));
const DefaultsDialog = lazy(async () => ({ default: (await import('../views/DefaultsDialog.tsx')).DefaultsDialog }));

interface ObjectTableProps {
  model: Model;
  object: ModelObject;
  shown: Shown;
  show: (next: Partial<Shown>) => void;
  views: ViewControls;
  /** Shows the list as it was. */
  onPast: () => void;
}

export function ObjectTable({ model, object, shown, show, views, onPast }: ObjectTableProps) {
  const { filters, sorts, layout } = shown;
  const [sort = null] = sorts;
  const [dialog, setDialog] = useState<'new' | 'rename' | 'share' | 'defaults' | null>(null);
  const phone = usePhone();
  const navigate = useNavigate();
  const router = useRouter();
  const [table] = useState(createTableStore);
  const [grid] = useState(createGridStore);
  const fields = useMemo(() => shownFields(object, layout), [object, layout]);
  const { rows, status, failure, hasMore, total } = useStore(table);
  const [drafting, setDrafting] = useState(false);
  const [addingFilter, setAddingFilter] = useState(false);
  // From the first filter on, also while there is none: the line knows which one is new.
  const [filtering, setFiltering] = useState(false);
  const [form, setForm] = useState<FormStart | 'empty' | null>(null);
  const seen = useRef({ first: 0, last: 40 });
  const me = useSession((state) => state.identity?.member?.id ?? null);

  useEffect(() => {
    if (status === 'ready' || status === 'failed') requestAnimationFrame(() => setTimeout(settle));
  }, [status]);

  const wide = fields.length > WIDE;
  const [inView, setInView] = useState<string[]>([]);
  // A form that closes leaves the keyboard to nobody: the table takes it, at the record that was made.
  useEffect(() => {
    if (form !== null) return undefined;
    const frame = requestAnimationFrame(() => {
      if (grid.getState().active && document.activeElement === document.body)
        document.querySelector<HTMLElement>('[role="grid"]')?.focus({ preventScroll: true });
    });
    return () => cancelAnimationFrame(frame);
  }, [form, grid]);

  const asked = useMemo(() => {
    if (!wide) return fields;
    const names = new Set(inView);
    const found = fields.filter((field) => names.has(field.name));
    return found.length > 0 ? found : fields.slice(0, READ_AT_FIRST);
  }, [wide, fields, inView]);
  const latestAsked = useRef(asked);
  useEffect(() => {
    latestAsked.current = asked;
  });
  const fill = useCallback(
    () => void table.fill(latestAsked.current, seen.current.first, seen.current.last).catch(() => undefined),
    [table],
  );
  useEffect(() => {
    if (!wide) return;
    const timer = setTimeout(fill, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [wide, asked, fill, rows]);

  const today = localDay(new Date());
  const filterKey = useMemo(
    () => JSON.stringify(toGraphQLFilter(model, object, filters, new Date(), me)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what "today" is changes with the day
    [model, object, filters, me, today],
  );
  const order = orderBy(object, sorts).join();
  // Which columns show decides what is read; in which order they stand does not.
  const fieldKey = useMemo(() => {
    const labels = new Map(model.objects.map(({ id, labelFieldId }) => [id, labelFieldId]));
    const targets = (field: ModelField) =>
      field.junction ? [field.junction.targetObjectId] : field.relations.map((each) => each.targetObjectId);
    return fields
      .map(
        (field) =>
          `${field.id}:${field.type}:${targets(field)
            .map((id) => labels.get(id))
            .join()}`,
      )
      .sort()
      .join();
  }, [model, fields]);
  const reload = useCallback(
    () =>
      table.load({
        model,
        object,
        fields: latestAsked.current,
        filter: JSON.parse(filterKey) as null,
        orderBy: order.split(','),
      }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- fieldKey stands for fields, model and object: the query is the same while it is.
    [table, filterKey, order, fieldKey, object.namePlural],
  );
  useEffect(() => void reload(), [reload]);
  useEffect(
    () =>
      rememberList(
        object,
        rows.map((row) => row.id),
        total,
      ),
    [object, rows, total],
  );

  useLiveObjects(
    useMemo(() => [object.id, ...dependencies(model, object, asked)], [model, object, asked]),
    (changes) => {
      if (isShownAlready(changes, object, asked, [filterKey, order])) return;
      void table.refresh(seen.current.first, seen.current.last).then(
        (cells) => grid.flash(cells.map((cell) => cellKey(cell.row, cell.field))),
        () => undefined,
      );
    },
  );

  const rights = rightsOf(object);
  const label = labelField(object);
  const startCreating = useCallback(() => {
    // The row at the foot of the table is edited as others are, which a role that only creates may not.
    if (phone || !rights.canUpdate || fieldsToAsk(model, object, []).length > 0) {
      setForm('empty');
      return;
    }
    if (label && isEditable(label)) {
      setDrafting(true);
      return;
    }
    createRecord(model, object, latestAsked.current, {}).then(
      (row) => {
        table.insert(row);
        void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id: row.id } });
      },
      (cause: unknown) => announceFailure(`${object.labelSingular} not created`, cause),
    );
  }, [phone, rights.canUpdate, label, model, object, table, navigate]);

  const createAsked = useCreate((state) => state.objectId === object.id);
  useEffect(() => {
    if (!createAsked) return;
    useCreate.setState({ objectId: null });
    if (rights.canCreate) startCreating();
  }, [createAsked, rights.canCreate, startCreating]);

  const remove = useCallback(
    async (ids: string[]) => {
      if (!rights.canDelete) return;
      const putBack = table.remove(ids);
      grid.setSelected([]);
      let step: Step;
      try {
        step = await deleteRecords(object, ids);
      } catch (cause) {
        putBack();
        announceFailure(ids.length === 1 ? `${object.labelSingular} not deleted` : 'Not all were deleted', cause);
        if (ids.length > 1) void reload();
        return;
      }
      offerUndo(object, ids.length, step, putBack);
    },
    [rights.canDelete, table, grid, object, reload],
  );

  const open = useCallback(
    (id: string) => void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id } }),
    [navigate, object.namePlural],
  );
  const onSeen = useCallback(
    (first: number, last: number) => {
      seen.current = { first, last };
      if (last + 40 > table.getState().rows.length) void table.more(last + 60);
      if (wide) fill();
    },
    [table, wide, fill],
  );

  const { view } = views;
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
      <LateMenu button={<ViewButton object={object} view={view} />}>
        {(isWanted) => (
          <ViewSwitcher object={object} views={views} onSaveAs={() => setDialog('new')} defaultOpened={isWanted} />
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
            defaultOpened={isWanted}
          />
        )}
      </LateMenu>
    </>
  );

  const start = phone ? switching : null;
  const end = isChanged(views) ? (
    <ViewChanges object={object} shown={shown} views={views} onSaveAs={() => setDialog('new')} />
  ) : null;

  if (!filtering && (filters.length > 0 || addingFilter || start || end)) setFiltering(true);

  const empty = status === 'ready' && rows.length === 0 && !drafting;
  const counted =
    total === null ? (rows.length > 0 ? `${rows.length.toLocaleString('en')}+` : '') : total.toLocaleString('en');
  const lower = object.labelPlural.toLowerCase();

  return (
    <>
      <PageHeader
        icon={<ObjectIcon name={object.icon} color={object.color} size={18} />}
        title={object.labelPlural}
        beside={phone ? undefined : switching}
        note={status === 'loading' && rows.length === 0 ? '' : counted}
        actions={
          <>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="md"
              aria-label="Add a filter"
              title="Filter"
              onClick={() => setAddingFilter(true)}
            >
              <IconFilter size={16} stroke={1.75} />
            </ActionIcon>
            <LateMenu button={<SortButton isSorted={sorts.length > 0} />}>
              {(isWanted) => (
                <SortMenu
                  object={object}
                  sorts={sorts}
                  onSort={(next) => show({ sorts: next })}
                  defaultOpened={isWanted}
                />
              )}
            </LateMenu>
            {object.isAudited ? (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="md"
                aria-label="As it was…"
                title="As it was…"
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
            {rights.canCreate ? (
              <Button leftSection={<IconPlus size={14} stroke={2.2} />} onClick={startCreating} ml={4}>
                {phone ? 'New' : `New ${object.labelSingular.toLowerCase()}`}
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
            filters={filters}
            adding={addingFilter}
            onAdding={setAddingFilter}
            onChange={(next) => show({ filters: next })}
            start={start}
            end={end}
          />
        </Suspense>
      ) : null}
      {status === 'failed' ? (
        <Message
          tone="alert"
          title={`The ${lower} could not be read`}
          actions={<Button onClick={() => void reload()}>Try again</Button>}
        >
          {[failure?.message, failure?.hint].filter(Boolean).join(' ')}
        </Message>
      ) : empty && filters.length > 0 ? (
        <Message
          title={`No ${lower} match`}
          actions={
            <Button variant="default" onClick={() => show({ filters: [] })}>
              Clear the filters
            </Button>
          }
        >
          Nothing fits all of these filters at once.
        </Message>
      ) : empty ? (
        <Message
          icon={<ObjectIcon name={object.icon} color={object.color} size={22} />}
          title={`No ${lower} yet`}
          actions={
            rights.canCreate ? (
              <Button leftSection={<IconPlus size={14} />} onClick={startCreating}>
                Create the first {object.labelSingular.toLowerCase()}
              </Button>
            ) : undefined
          }
        >
          {object.description}
        </Message>
      ) : phone ? (
        <RecordList
          model={model}
          object={object}
          fields={asked}
          rows={rows}
          pending={status === 'loading' && rows.length === 0 ? 12 : hasMore ? 8 : 0}
          onSeen={onSeen}
        />
      ) : (
        <RecordGrid
          model={model}
          object={object}
          fields={fields}
          layout={layout}
          onLayout={(next) => show({ layout: next })}
          table={table}
          grid={grid}
          sort={sort}
          onSort={(next) => show({ sorts: next ? [next] : [] })}
          drafting={drafting}
          onDrafted={setDrafting}
          onDraftRefused={(field, value, failed) => setForm({ field, value, failure: failed })}
          onOpen={open}
          onDelete={remove}
          onSeen={onSeen}
          onColumns={setInView}
        />
      )}
      {phone || !(rights.canDelete || rights.canUpdate) ? null : (
        <SelectionBar object={object} grid={grid} onDelete={remove} />
      )}
      <Suspense fallback={null}>
        <CreateHost model={model} />
      </Suspense>
      <Suspense fallback={null}>
        {form ? (
          <CreateModal
            model={model}
            object={object}
            fields={asked}
            values={{}}
            start={form === 'empty' ? undefined : form}
            onClose={() => setForm(null)}
            onCreated={(row) => {
              if (phone) return open(row.id);
              table.insert(row);
              grid.focus({ row: row.id, column: label?.name ?? fields[0]?.name ?? '' });
            }}
          />
        ) : null}
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
        {dialog === 'defaults' && view ? (
          <DefaultsDialog object={object} view={view} known={views.known} onClose={() => setDialog(null)} />
        ) : null}
      </Suspense>
    </>
  );
}
