import { ActionIcon } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { lazy, Suspense, useMemo, useState } from 'react';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { fieldById, type RelatedList } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { useColumnLayout } from '../records/columnLayout.ts';
import { CreateModal } from '../records/CreateModal.tsx';
import record from '../records/RecordView.module.css';
import type { Shown } from '../views/shown.ts';
import { stages } from './layout.ts';
import classes from './layout.module.css';
import { useOpenRecord } from './openRecord.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

// As the page of a table has them: parted from it, the table would come in two pieces there.
const ObjectTable = lazy(async () => ({ default: (await import('../records/TablePage.tsx')).ObjectTable }));
const BoardPage = lazy(async () => ({ default: (await import('../board/BoardPage.tsx')).BoardPage }));

const NO_VIEWS = {
  known: { views: [], defaultId: null, defaults: [] },
  view: null,
  changes: {},
  open: () => undefined,
  discard: () => undefined,
};

interface RelationCardProps {
  list: RelatedList;
  as: 'TABLE' | 'BOARD';
  groupFieldId: string | null;
}

/** Related records as their own table or board, of which this record's are shown and new ones are made. */
export function RelationCard({ list, as, groupFieldId }: RelationCardProps) {
  const { model, id } = useOpenRecord();
  const { holder, field, relation, label } = list;
  const [usual, setUsual] = useColumnLayout(model, holder);
  const group = fieldById(holder, groupFieldId) ?? stages(holder)[0];
  const [changes, setChanges] = useState<Partial<Shown>>({});
  const shown = useMemo<Shown>(
    () => ({
      sorts: [],
      layout: { ...usual, hidden: [...usual.hidden, field.name] },
      type: as,
      group: as === 'BOARD' ? (group?.name ?? null) : null,
      bucket: null,
      options: {},
      colors: [],
      ...changes,
      filters: [{ field: field.name, operator: 'is', value: id }],
    }),
    [usual, field.name, as, group?.name, changes, id],
  );
  const values = useMemo(() => ({ [relation.columnName]: id }), [relation.columnName, id]);
  const [creating, setCreating] = useState(false);
  const Page = as === 'BOARD' ? BoardPage : ObjectTable;
  return (
    <section className={record.block} aria-label={label}>
      <div className={record.blockHead}>
        <ObjectIcon name={holder.icon} color={holder.color} size={15} />
        <h2 className={record.blockTitle}>{label}</h2>
        {rightsOf(holder).canCreate ? (
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            ml="auto"
            aria-label={t('Add {labelSingular}', { labelSingular: inSentence(holder.labelSingular) })}
            onClick={() => setCreating(true)}
          >
            <IconPlus size={15} />
          </ActionIcon>
        ) : null}
      </div>
      <div className={classes.related}>
        <Suspense fallback={null}>
          <Page
            model={model}
            object={holder}
            shown={shown}
            show={({ layout, ...next }) => {
              if (layout) setUsual({ ...layout, hidden: layout.hidden.filter((name) => name !== field.name) });
              setChanges((now) => ({ ...now, ...next }));
            }}
            views={NO_VIEWS}
            onPast={() => undefined}
            within={values}
          />
        </Suspense>
      </div>
      {creating ? (
        <CreateModal
          model={model}
          object={holder}
          fields={[]}
          values={values}
          onClose={() => setCreating(false)}
          onCreated={() => undefined}
        />
      ) : null}
    </section>
  );
}
