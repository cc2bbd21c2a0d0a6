import { countText } from '../model/formats.ts';
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { onReturn } from '../api/connection.ts';
import { useCreate } from '../app/commandStore.ts';
import { Message } from '../app/Message.tsx';
import { usePhone } from '../app/phone.ts';
import { settle, settled } from '../app/settled.ts';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { fieldsToAsk } from '../fields/rules.ts';
import { cellKey, createGridStore } from '../grid/store.ts';
import { localDay } from '../model/dates.ts';
import { canGroup, groupValue } from '../model/grouping.ts';
import { startFilter, toGraphQLFilter } from '../model/filterTree.ts';
import { labelField } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { orderBy } from '../model/sorting.ts';
import { useMay } from '../model/store.ts';
import { isEditable } from '../model/text.ts';
import { recordLabel, toPatch, type FieldValue } from '../model/values.ts';
import type { ModelField, RecordRow } from '../model/types.ts';
import { onShown } from '../offline/pending.ts';
import { useSession } from '../session/session.ts';
import { announceFailure, offerUndo } from './announce.tsx';
import { createRecord, deleteRecords } from './changes.ts';
import type { Step } from '../undo/undo.ts';
import { shownFields } from './columnLayout.ts';
import type { FormStart } from './CreateModal.tsx';
import { dependencies } from './dependencies.ts';
import { createFeet, feetOf } from './feet.ts';
import { DRAFT, flatItems } from './gridItems.ts';
import { GroupHead } from './GroupHead.tsx';
import { keep, takeKept } from './kept.ts';
import { createGroupStore, MOST_GROUPS, type GroupItems } from './groupStore.ts';
import peekClasses from './peek.module.css';
import { RecordGrid, type RowEdits } from './RecordGrid.tsx';
import { usePrinting } from '../print/printing.ts';
import { rememberList, takeOpened } from './recordSequence.ts';
import { beginningOf, createTableStore, type TableBeginning } from './tableStore.ts';
import { isShownAlready } from './isShownAlready.ts';
import { colorFields, tonesBy } from './tones.ts';
import { useLiveObjects } from './useLiveObject.ts';
import { ViewFrame, type ViewPageProps } from './ViewFrame.tsx';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** Up to here all columns are read with a row; of more, those on screen and a few beside them. */
const WIDE = 40;
const READ_AT_FIRST = 16;
const SETTLE_MS = 80;
/** So far beyond what is read one scrolls on; further is a jump. */
const NEAR = 300;

const RecordList = lazy(async () => ({ default: (await import('../phone/RecordList.tsx')).RecordList }));
const SelectionBar = lazy(async () => {
  await settled;
  return { default: (await import('./SelectionBar.tsx')).SelectionBar };
});
// It is there when a row is taken in hand: the command menu may be opened in the next moment.
const inHandPart = settled.then(() => import('./RecordInHand.tsx'));
const RecordInHand = lazy(async () => ({ default: (await inHandPart).RecordInHand }));
const PeekPanel = lazy(async () => ({ default: (await import('./PeekPanel.tsx')).PeekPanel }));
const PrintTable = lazy(() => import('../print/PrintTable.tsx'));
const ColorsDialog = lazy(async () => ({ default: (await import('./ColorsDialog.tsx')).ColorsDialog }));
const CreateModal = lazy(async () => ({ default: (await import('./CreateModal.tsx')).CreateModal }));

export function ObjectTable(props: ViewPageProps) {
  const { model, object, shown, show, within } = props;
  const { filters, sorts, layout } = shown;
  const [sort = null] = sorts;
  const phone = usePhone();
  const navigate = useNavigate();
  // What was there when one left it: of a table that was sorted and filtered alike.
  const keptAs = `table ${object.id} ${JSON.stringify([filters, sorts])}`; // no text
  const [table] = useState(() => createTableStore(takeKept<TableBeginning>(keptAs)));
  const [grid] = useState(createGridStore);
  const [cameFrom] = useState(() => (within ? undefined : takeOpened(object)));
  const [feet] = useState(createFeet);
  const [draftRow] = useState<RecordRow>(() => ({ id: DRAFT }));
  const fields = useMemo(() => shownFields(object, layout), [object, layout]);
  const flat = useStore(table);
  const [groups] = useState(createGroupStore);
  const grouped = useStore(groups);
  // A phone shows a list, which has no groups.
  const group = phone ? null : (object.fields.find((field) => field.name === shown.group && canGroup(field)) ?? null);
  const { status, failure } = group ? grouped : flat;
  const rows = useMemo(
    () => (group ? groups.rows() : flat.rows),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the version stands for the rows of all groups
    [group, groups, grouped.groups, grouped.version, flat.rows],
  );
  const total = group ? grouped.groups.reduce((sum, { count: each }) => sum + each, 0) : flat.total;
  const [drafting, setDrafting] = useState(false);
  const [peeked, setPeeked] = useState<string | null>(null);
  const [coloring, setColoring] = useState<ModelField | null>(null);
  /** The group in which a record is made. */
  const [draftGroup, setDraftGroup] = useState<string | null>(null);
  const [form, setForm] = useState<FormStart | 'empty' | null>(null);
  const seen = useRef({ first: 0, last: 40 });
  const visiting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const me = useSession((state) => state.identity?.member?.id ?? null);

  useEffect(() => {
    if (status === 'ready' || status === 'failed') requestAnimationFrame(() => setTimeout(settle));
  }, [status]);

  // What rules of colours look at is read, also where it does not show.
  const readFields = useMemo(
    () => [...new Set([...fields, ...colorFields(object, shown.colors)])],
    [fields, object, shown.colors],
  );
  const tonesOf = useMemo(() => tonesBy(object, shown.colors, me), [object, shown.colors, me]);
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
    if (!wide) return readFields;
    const names = new Set(inView);
    const found = fields.filter((field) => names.has(field.name));
    return found.length > 0 ? found : fields.slice(0, READ_AT_FIRST);
  }, [wide, fields, readFields, inView]);
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
    return readFields
      .map(
        (field) =>
          `${field.id}:${field.type}:${targets(field)
            .map((id) => labels.get(id))
            .join()}`,
      )
      .sort()
      .join();
  }, [model, readFields]);
  const aggregates = JSON.stringify(layout.aggregates);
  const feetAsked = useCallback(
    () => feetOf(fields, JSON.parse(aggregates) as { [field: string]: string }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- fieldKey stands for fields.
    [fieldKey, aggregates],
  );
  const latestKeptAs = useRef(keptAs);
  useEffect(() => {
    latestKeptAs.current = keptAs;
  });
  useEffect(
    () => () => {
      const state = table.getState();
      if (state.status === 'ready') keep(latestKeptAs.current, beginningOf(state));
    },
    [table],
  );
  const reload = useCallback(
    () => {
      const query = {
        model,
        object,
        fields: latestAsked.current,
        filter: JSON.parse(filterKey) as null,
        orderBy: order.split(','),
      };
      return group ? groups.load({ ...query, group, bucket: shown.bucket, feet: feetAsked() }) : table.load(query);
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- fieldKey stands for fields, model and object: the query is the same while it is.
    [table, groups, filterKey, order, fieldKey, object.namePlural, group?.id, shown.bucket, group ? aggregates : ''],
  );
  useEffect(() => void reload(), [reload]);

  const count = useCallback(
    () => void feet.load(object, JSON.parse(filterKey) as null, feetAsked()),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- fieldKey stands for object.
    [feet, filterKey, feetAsked],
  );
  useEffect(count, [count]);
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
      count();
      // What a group is made of moves records, too.
      const arranged = [filterKey, order, group?.columns[0]?.name ?? group?.relations[0]?.columnName ?? ''];
      if (isShownAlready(changes, object, asked, arranged)) return;
      const { first, last } = seen.current;
      const reading = group ? groups.refresh(latestItems.current, first, last) : table.refresh(first, last);
      void reading.then(
        (cells) => grid.flash(cells.map((cell) => cellKey(cell.row, cell.field))),
        () => undefined,
      );
    },
  );

  useEffect(() => onShown((change) => (group ? groups : table).follow(change)), [group, groups, table]);
  // What could not be read while the server was away is read when it is back.
  useEffect(
    () =>
      onReturn(() => {
        if ((group ? groups : table).getState().status === 'failed') void reload();
      }),
    [group, groups, table, reload],
  );

  const rights = rightsOf(object);
  const mayImport = useMay('IMPORT_CSV');
  const mayExport = useMay('EXPORT_CSV');
  const label = labelField(object);
  const startCreating = useCallback(() => {
    // The row at the foot of the table is edited as others are, which a role that only creates may not.
    if (phone || !rights.canUpdate || fieldsToAsk(model, object, Object.keys(within ?? {})).length > 0) {
      setForm('empty');
      return;
    }
    if (label && isEditable(label)) {
      setDrafting(true);
      return;
    }
    createRecord(model, object, latestAsked.current, within ?? {}).then(
      (row) => {
        table.insert(row);
        void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id: row.id } });
      },
      (cause: unknown) =>
        announceFailure(t('{labelSingular} not created', { labelSingular: object.labelSingular }), cause),
    );
  }, [phone, rights.canUpdate, label, model, object, table, navigate, within]);

  const createAsked = useCreate((state) => state.objectId === object.id && !within);
  useEffect(() => {
    if (!createAsked) return;
    useCreate.setState({ objectId: null });
    if (rights.canCreate) startCreating();
  }, [createAsked, rights.canCreate, startCreating]);

  const remove = useCallback(
    async (ids: string[]) => {
      if (!rights.canDelete) return;
      const putBack = group ? groups.remove(ids) : table.remove(ids);
      grid.setSelected([]);
      let step: Step;
      try {
        step = await deleteRecords(object, ids);
      } catch (cause) {
        putBack();
        announceFailure(
          ids.length === 1
            ? t('{labelSingular} not deleted', { labelSingular: object.labelSingular })
            : t('Not all were deleted'),
          cause,
        );
        if (ids.length > 1) void reload();
        return;
      }
      offerUndo(object, ids.length, step, putBack);
    },
    [rights.canDelete, table, groups, group, grid, object, reload],
  );

  const open = useCallback(
    (id: string) => void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id } }),
    [navigate, object.namePlural],
  );
  const onSeen = useCallback(
    (first: number, last: number) => {
      seen.current = { first, last };
      if (group) {
        groups.see(latestItems.current as GroupItems, first, last);
        return;
      }
      const { rows: read } = table.getState();
      // What follows is read on from where one is; who jumps further gets the page where it is, and not all before it.
      if (first > read.length + NEAR) {
        clearTimeout(visiting.current);
        visiting.current = setTimeout(() => void table.visit(first, last).catch(() => undefined), SETTLE_MS);
      } else if (last + 40 > read.length) void table.more(last + 60);
      if (wide) fill();
    },
    [table, groups, group, wide, fill],
  );

  /** A refusal is said aloud: a card has no cell to say it in. */
  const saveOne = useCallback(
    async (id: string, field: ModelField, value: FieldValue) => {
      const refused = await table.save(id, [{ field, value }]);
      if (!refused) return;
      table.drop(id, field);
      announceFailure(t('{labelSingular} not changed', { labelSingular: object.labelSingular }), refused);
    },
    [table, object],
  );

  const flatEdits = useMemo<RowEdits>(
    () => ({
      refusals: () => table.getState().refusals,
      fields: () => table.getState().query?.fields ?? [],
      save: table.save,
      saveMany: (changes, step) => table.saveMany(changes, step),
      refuse: table.refuse,
      drop: table.drop,
      insert: table.insert,
    }),
    [table],
  );
  const edits = useMemo<RowEdits>(
    () => (group ? { ...groups.edits, insert: (row) => groups.insertInto(draftGroup ?? '', row) } : flatEdits),
    [group, groups, draftGroup, flatEdits],
  );
  const collapsed = useMemo(() => new Set(shown.options.collapsedColumns), [shown.options.collapsedColumns]);
  const items = useMemo(
    () =>
      group
        ? groups.items(collapsed, drafting && draftGroup !== null ? { group: draftGroup, row: draftRow } : null)
        : flatItems({
            draft: drafting ? draftRow : null,
            rows: flat.rows,
            islands: flat.islands,
            total: flat.total,
            hasMore: flat.hasMore,
            isLoading: flat.status === 'loading' && flat.rows.length === 0,
          }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the version stands for the rows of all groups
    [group, groups, grouped.groups, grouped.version, collapsed, draftGroup, drafting, draftRow, flat],
  );
  const latestItems = useRef(items);
  useLayoutEffect(() => {
    latestItems.current = items;
  });
  // The peek follows the row in hand.
  const activeRow = useStore(grid, (state) => state.active?.row ?? null);
  useEffect(() => {
    if (activeRow === null) return;
    setPeeked((now) => {
      const item = now === null ? null : latestItems.current.at(Math.max(0, latestItems.current.indexOf(activeRow)));
      return item?.kind === 'row' && item.key === activeRow && activeRow !== DRAFT ? activeRow : now;
    });
  }, [activeRow]);
  const inHandItem = activeRow === null ? null : items.at(Math.max(0, items.indexOf(activeRow)));
  const inHand =
    inHandItem?.kind === 'row' && inHandItem.key === activeRow && activeRow !== DRAFT ? inHandItem.row : null;
  // Who comes back from a record goes on at its row.
  useEffect(() => {
    const index = cameFrom === undefined || status !== 'ready' ? -1 : latestItems.current.indexOf(cameFrom);
    const element = document.querySelector<HTMLElement>('main [role="grid"]');
    if (cameFrom === undefined || index < 0 || !element || grid.getState().active) return;
    // Whoever holds something else, such as the link that led here, begins anew.
    const { activeElement } = document;
    if (activeElement !== document.body && activeElement?.id !== 'main') return;
    const row = Number.parseFloat(element.style.getPropertyValue('--row'));
    const top = index * row;
    if (top > element.scrollTop + element.clientHeight - 3 * row)
      element.scrollTop = top - Math.round(element.clientHeight / 2);
    grid.focus({ row: cameFrom, column: label?.name ?? '' });
    element.focus({ preventScroll: true });
  }, [cameFrom, status, grid, label?.name]);
  const focusGrid = () => document.querySelector<HTMLElement>('[role="grid"]')?.focus({ preventScroll: true });
  const movePeek = (by: -1 | 1) => {
    const all = latestItems.current;
    let index = all.indexOf(peeked ?? '');
    if (index < 0) return;
    for (index += by; index >= 0 && index < all.count; index += by) {
      const item = all.at(index);
      if (item.kind === 'bone') return;
      if (item.kind !== 'row') continue;
      grid.focus({ row: item.key, column: grid.getState().active?.column ?? fields[0]?.name ?? '' });
      setPeeked(item.key);
      return;
    }
  };
  const groupOf = (id: string) => grouped.groups.find((each) => each.id === id);
  const toggleGroup = (id: string) => {
    const key = groupOf(id)?.key ?? '';
    const closed = shown.options.collapsedColumns ?? [];
    const next = closed.includes(key) ? closed.filter((each) => each !== key) : [...closed, key];
    const { collapsedColumns: _, ...others } = shown.options;
    show({ options: next.length > 0 ? { ...others, collapsedColumns: next } : others });
  };
  const createIn = (id: string) => {
    if (collapsed.has(groupOf(id)?.key ?? '')) toggleGroup(id);
    setDraftGroup(id);
    startCreating();
  };
  const startValues = useMemo(() => {
    const into = group && draftGroup !== null ? grouped.groups.find((each) => each.id === draftGroup) : undefined;
    return into && group && isEditable(group)
      ? { ...within, ...toPatch(group, groupValue(group, shown.bucket, into.key, into.label)) }
      : (within ?? {});
  }, [group, draftGroup, grouped.groups, shown.bucket, within]);

  const empty = status === 'ready' && (group ? grouped.groups.length === 0 : rows.length === 0) && !drafting;
  const isCut = group !== null && grouped.isTooMany;
  const counted = total === null ? (rows.length > 0 ? `${countText(rows.length)}+` : '') : countText(total);
  const lower = inSentence(object.labelPlural);
  const isPrinting = usePrinting((state) => state.isPrinting);

  return (
    <>
      <ViewFrame
        {...props}
        note={
          status === 'loading' && rows.length === 0
            ? ''
            : isCut
              ? t('{counted} in the {groups} groups that are shown; there are more', {
                  counted,
                  groups: countText(MOST_GROUPS),
                })
              : counted
        }
        onCreate={rights.canCreate ? startCreating : null}
      >
        {status === 'failed' ? (
          <Message
            tone="alert"
            title={t('The {lower} could not be read', { lower })}
            actions={<Button onClick={() => void reload()}>{t('Try again')}</Button>}
          >
            {[failure?.message, failure?.hint].filter(Boolean).join(' ')}
          </Message>
        ) : empty && filters.length > 0 && !within ? (
          <Message
            title={t('No {lower} match', { lower })}
            actions={
              <Button variant="default" onClick={() => show({ filters: [] })}>
                {t('Clear the filters')}
              </Button>
            }
          >
            {t('Nothing fits all of these filters at once.')}
          </Message>
        ) : empty ? (
          <Message
            icon={<ObjectIcon name={object.icon} color={object.color} size={22} />}
            title={t('No {lower} yet', { lower })}
            actions={
              rights.canCreate ? (
                <>
                  <Button leftSection={<IconPlus size={14} />} onClick={startCreating}>
                    {t('Create the first {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
                  </Button>
                  {mayImport && !within ? (
                    <Button
                      variant="default"
                      renderRoot={(link) => (
                        <Link to="/objects/$namePlural/import" params={{ namePlural: object.namePlural }} {...link} />
                      )}
                    >
                      {t('Import a file')}
                    </Button>
                  ) : null}
                </>
              ) : undefined
            }
          >
            {object.description}
          </Message>
        ) : phone ? (
          <Suspense fallback={null}>
            <RecordList
              model={model}
              object={object}
              fields={asked}
              rows={rows}
              pending={status === 'loading' && rows.length === 0 ? 12 : flat.hasMore ? 8 : 0}
              grid={grid}
              onSeen={onSeen}
              onSave={(id, field, value) => void saveOne(id, field, value)}
              onDelete={remove}
            />
          </Suspense>
        ) : (
          <div className={peekClasses.beside} data-rows>
            <RecordGrid
              model={model}
              object={object}
              fields={fields}
              layout={layout}
              onLayout={(next) => show({ layout: next })}
              items={items}
              total={total}
              edits={edits}
              grid={grid}
              feet={feet}
              tonesOf={tonesOf}
              draftRow={draftRow}
              sort={sort}
              onSort={(next) => show({ sorts: next ? [next] : [] })}
              drafting={drafting}
              onDrafted={setDrafting}
              onDraftRefused={(field, value, failed) => setForm({ field, value, failure: failed })}
              onOpen={open}
              onPeek={setPeeked}
              onEscape={peeked === null ? null : () => setPeeked(null)}
              onColors={setColoring}
              onFilter={(field) => {
                const filter = startFilter(field);
                if (filter) show({ filters: [...filters, filter] });
              }}
              grouping={{
                field: group?.name ?? null,
                canGroup,
                onGroup: (field, bucket) => show({ group: field?.name ?? null, bucket: bucket ?? null }),
              }}
              renderGroup={(id, column, isFirst) => {
                const found = groupOf(id);
                return found ? (
                  <GroupHead
                    group={found}
                    column={column}
                    isFirst={isFirst}
                    isOpen={!collapsed.has(found.key ?? '')}
                    onCreate={rights.canCreate ? () => createIn(id) : null}
                  />
                ) : null;
              }}
              onToggleGroup={toggleGroup}
              startValues={startValues}
              onDelete={remove}
              onSeen={onSeen}
              onColumns={setInView}
            />
            <Suspense fallback={null}>
              {peeked === null ? null : (
                <PeekPanel
                  model={model}
                  object={object}
                  id={peeked}
                  onMove={movePeek}
                  onClose={() => {
                    setPeeked(null);
                    focusGrid();
                  }}
                />
              )}
            </Suspense>
          </div>
        )}
        {isPrinting && status === 'ready' && !within ? (
          <Suspense fallback={null}>
            <PrintTable
              label={object.labelPlural}
              model={model}
              fields={fields}
              rows={rows}
              total={total}
              more={group ? null : table.more}
            />
          </Suspense>
        ) : null}
      </ViewFrame>
      {rights.canDelete || rights.canUpdate || mayExport ? (
        <Suspense fallback={null}>
          <SelectionBar
            model={model}
            object={object}
            fields={fields}
            grid={grid}
            filter={JSON.parse(filterKey) as null}
            orderBy={order.split(',')}
            total={total}
            loaded={rows.length}
            onDelete={remove}
            onChanged={() => void reload()}
          />
        </Suspense>
      ) : null}
      <Suspense fallback={null}>
        {inHand && !phone ? (
          <RecordInHand
            object={object}
            id={inHand.id}
            label={recordLabel(model, object, inHand) || t('Untitled')}
            fields={fields}
            onEdit={(field) => {
              grid.focus({ row: inHand.id, column: field.name });
              grid.edit(null);
            }}
            onOpen={() => open(inHand.id)}
            onPeek={() => setPeeked(inHand.id)}
            onDelete={() => void remove([inHand.id])}
          />
        ) : null}
      </Suspense>
      <Suspense fallback={null}>
        {coloring ? (
          <ColorsDialog
            object={object}
            rules={shown.colors}
            field={coloring}
            onClose={() => setColoring(null)}
            onChange={(colors) => show({ colors })}
          />
        ) : null}
        {form ? (
          <CreateModal
            model={model}
            object={object}
            fields={asked}
            values={startValues}
            start={form === 'empty' ? undefined : form}
            onClose={() => setForm(null)}
            onCreated={(row) => {
              if (phone) return open(row.id);
              edits.insert(row);
              grid.focus({ row: row.id, column: label?.name ?? fields[0]?.name ?? '' });
            }}
          />
        ) : null}
      </Suspense>
    </>
  );
}
