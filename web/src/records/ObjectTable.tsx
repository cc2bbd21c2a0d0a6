import { ActionIcon, Button } from '@mantine/core';
import { IconFilter, IconPlus } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { useCreate } from '../app/commandStore.ts';
import { Message } from '../app/Message.tsx';
import { usePhone } from '../app/phone.ts';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { cellKey, createGridStore } from '../grid/store.ts';
import { filterProblem, toGraphQLFilter, type Filter } from '../model/filters.ts';
import { labelField } from '../model/lookup.ts';
import { orderBy, type Sort } from '../model/sorting.ts';
import { isEditable } from '../model/text.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { announceFailure, offerUndo } from './announce.tsx';
import { createRecord, deleteRecords, restoreRecords } from './changes.ts';
import { shownFields, useColumnLayout } from './columnLayout.ts';
import { ColumnsMenu } from './ColumnsMenu.tsx';
import { CreateModal } from './CreateModal.tsx';
import { FilterBar } from './FilterBar.tsx';
import { PageHeader } from './PageHeader.tsx';
import { RecordGrid } from './RecordGrid.tsx';
import { RecordList } from './RecordList.tsx';
import { rememberList } from './recordSequence.ts';
import { SelectionBar } from './SelectionBar.tsx';
import { SortMenu } from './SortMenu.tsx';
import { createTableStore } from './tableStore.ts';
import { useLiveObjects } from './useLiveObject.ts';

interface ObjectTableProps {
  model: Model;
  object: ModelObject;
  sort: Sort | null;
  filters: Filter[];
  show: (next: { sort: Sort | null; filters: Filter[] }) => void;
}

export function ObjectTable({ model, object, sort, filters, show }: ObjectTableProps) {
  const phone = usePhone();
  const navigate = useNavigate();
  const [table] = useState(createTableStore);
  const [grid] = useState(createGridStore);
  const [layout, setLayout] = useColumnLayout(model, object);
  const fields = useMemo(() => shownFields(object, layout), [object, layout]);
  const { rows, status, failure, hasMore, total } = useStore(table);
  const [drafting, setDrafting] = useState(false);
  const [addingFilter, setAddingFilter] = useState(false);
  const seen = useRef({ first: 0, last: 40 });

  const usable = useMemo(
    () =>
      filters.filter((filter) => {
        const field = object.fields.find((f) => f.name === filter.field && f.isActive);
        return field && filterProblem(field, filter) === null;
      }),
    [filters, object],
  );
  const filterKey = JSON.stringify(toGraphQLFilter(object, usable));
  const order = orderBy(object, sort).join();
  // Which columns show decides what is read; in which order they stand does not.
  const fieldKey = fields
    .map(
      (field) =>
        `${field.id}:${field.relations.map((r) => model.objects.find((o) => o.id === r.targetObjectId)?.labelFieldId).join()}`,
    )
    .sort()
    .join();
  const reload = useCallback(
    () => table.load({ model, object, fields, filter: JSON.parse(filterKey) as null, orderBy: order.split(',') }),
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
    [object.id, ...fields.flatMap((field) => field.relations.map((relation) => relation.targetObjectId))],
    () => {
      void table.refresh(seen.current.first, seen.current.last).then(
        (cells) => grid.flash(cells.map((cell) => cellKey(cell.row, cell.field))),
        () => undefined,
      );
    },
  );

  const label = labelField(object);
  const startCreating = useCallback(() => {
    if (label && isEditable(label)) {
      setDrafting(true);
      return;
    }
    createRecord(model, object, fields, {}).then(
      (row) => {
        table.insert(row);
        void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id: row.id } });
      },
      (cause: unknown) => announceFailure(`${object.labelSingular} not created`, cause),
    );
  }, [label, model, object, fields, table, navigate]);

  const asked = useCreate((state) => state.objectId === object.id);
  useEffect(() => {
    if (!asked) return;
    useCreate.setState({ objectId: null });
    startCreating();
  }, [asked, startCreating]);

  const remove = useCallback(
    async (ids: string[]) => {
      const putBack = table.remove(ids);
      grid.setSelected([]);
      try {
        await deleteRecords(object, ids);
      } catch (cause) {
        putBack();
        announceFailure(ids.length === 1 ? `${object.labelSingular} not deleted` : 'Not all were deleted', cause);
        if (ids.length > 1) void reload();
        return;
      }
      offerUndo(object, ids.length, async () => {
        try {
          await restoreRecords(object, ids);
          putBack();
        } catch (cause) {
          announceFailure('Not restored', cause);
        }
      });
    },
    [table, grid, object, reload],
  );

  const open = useCallback(
    (id: string) => void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id } }),
    [navigate, object.namePlural],
  );
  const onSeen = useCallback(
    (first: number, last: number) => {
      seen.current = { first, last };
      if (last + 40 > table.getState().rows.length) void table.more(last + 60);
    },
    [table],
  );

  const empty = status === 'ready' && rows.length === 0 && !drafting;
  const counted =
    total === null ? (rows.length > 0 ? `${rows.length.toLocaleString('en')}+` : '') : total.toLocaleString('en');
  const lower = object.labelPlural.toLowerCase();

  return (
    <>
      <PageHeader
        icon={<ObjectIcon name={object.icon} color={object.color} size={18} />}
        title={object.labelPlural}
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
            <SortMenu object={object} sort={sort} onSort={(next) => show({ sort: next, filters })} />
            <ColumnsMenu object={object} layout={layout} onChange={setLayout} />
            <Button leftSection={<IconPlus size={14} stroke={2.2} />} onClick={startCreating} ml={4}>
              {phone ? 'New' : `New ${object.labelSingular.toLowerCase()}`}
            </Button>
          </>
        }
      />
      <FilterBar
        model={model}
        object={object}
        filters={filters}
        adding={addingFilter}
        onAdding={setAddingFilter}
        onChange={(next) => show({ sort, filters: next })}
      />
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
            <Button variant="default" onClick={() => show({ sort, filters: [] })}>
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
            <Button leftSection={<IconPlus size={14} />} onClick={startCreating}>
              Create the first {object.labelSingular.toLowerCase()}
            </Button>
          }
        >
          {object.description}
        </Message>
      ) : phone ? (
        <RecordList
          model={model}
          object={object}
          fields={fields}
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
          onLayout={setLayout}
          table={table}
          grid={grid}
          sort={sort}
          onSort={(next) => show({ sort: next, filters })}
          drafting={drafting}
          onDrafted={setDrafting}
          onOpen={open}
          onDelete={remove}
          onSeen={onSeen}
        />
      )}
      {phone ? null : <SelectionBar object={object} grid={grid} onDelete={remove} />}
      {phone && drafting ? (
        <CreateModal
          model={model}
          object={object}
          fields={fields}
          values={{}}
          onClose={() => setDrafting(false)}
          onCreated={(row) => open(row.id)}
        />
      ) : null}
    </>
  );
}
