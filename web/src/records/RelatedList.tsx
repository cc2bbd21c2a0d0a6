import { ActionIcon } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure } from '../api/failure.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { listDocument, throughDocument } from '../model/documents.ts';
import { encodeFilter } from '../model/filters.ts';
import { joinTarget, visibleFields, type RelatedList as List } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { orderBy } from '../model/sorting.ts';
import type { FieldType, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { readValue, recordLabel } from '../model/values.ts';
import { announceFailure } from './announce.tsx';
import { createRecord } from './changes.ts';
import { CreateModal } from './CreateModal.tsx';
import classes from './RecordView.module.css';
import { useLiveObjects } from './useLiveObject.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';
import { usePrinting } from '../print/printing.ts';

const LIMIT = 8;
/** Paper shows no more than a member would read there. */
const ON_PAPER = 200;
const TELLING: FieldType[] = ['SELECT', 'CURRENCY', 'DATE_TIME', 'DATE', 'EMAILS', 'TEXT'];

/** The two fields that say most about a record in a short list. */
function details(object: ModelObject, except: ModelField): ModelField[] {
  const fields = visibleFields(object).filter(
    (field) => !field.isSystem && field.id !== object.labelFieldId && field !== except,
  );
  return TELLING.flatMap((type) => fields.find((field) => field.type === type) ?? []).slice(0, 2);
}

export function RelatedList({ model, list, id }: { model: Model; list: List; id: string }) {
  const { holder, relation, through, single } = list;
  const object = through?.target ?? holder;
  const [rows, setRows] = useState<RecordRow[] | null>(null);
  const [more, setMore] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [creating, setCreating] = useState(false);
  const shown = details(object, list.field);
  const limit = usePrinting((state) => state.isPrinting) ? ON_PAPER : LIMIT;
  const key = `${list.key} ${id} ${limit} ${shown.map((field) => field.id).join()}`;

  const read = useCallback(async () => {
    const filter = { [relation.columnName]: { equalTo: id } };
    try {
      if (through) {
        const { list: page } = await request(
          throughDocument(model, holder, through.relation.name, through.target, shown),
          { first: limit, filter },
        );
        setRows(page.nodes.flatMap((join) => (join[through.relation.name] as RecordRow | null) ?? []));
        setMore(page.pageInfo.hasNextPage);
      } else {
        const { list: page } = await request(listDocument(model, holder, shown), {
          first: limit,
          filter,
          orderBy: orderBy(holder, []),
        });
        setRows(page.nodes);
        setMore(page.pageInfo.hasNextPage);
      }
      setProblem(null);
    } catch (cause) {
      setProblem(toFailure(cause).message);
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- key stands for all that the query is made from.
  }, [key]);
  useEffect(() => void read(), [read]);
  useLiveObjects(through ? [holder.id, object.id] : [holder.id], () => void read());

  const created = async (row: RecordRow) => {
    if (through) {
      try {
        await createRecord(model, holder, [], { [through.relation.columnName]: row.id, [relation.columnName]: id });
      } catch (cause) {
        announceFailure(t('{labelSingular} created, but not linked', { labelSingular: object.labelSingular }), cause);
      }
    }
    void read();
  };

  const canCreate = !object.isSystem && rightsOf(object).canCreate && (!through || rightsOf(holder).canCreate);
  if (!canCreate && rows?.length === 0) return null;
  return (
    <section className={classes.block} aria-label={list.label} data-empty={rows?.length === 0 || undefined}>
      <div className={classes.blockHead}>
        <ObjectIcon name={object.icon} color={object.color} size={15} />
        <h2 className={classes.blockTitle}>{list.label}</h2>
        {rows && rows.length > 0 && !single ? (
          <span className={classes.count}>{more ? `${rows.length}+` : rows.length}</span>
        ) : null}
        {canCreate && !(single && rows && rows.length > 0) ? (
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            ml="auto"
            aria-label={t('Add {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
            onClick={() => setCreating(true)}
          >
            <IconPlus size={15} />
          </ActionIcon>
        ) : null}
      </div>
      {problem ? <p className={classes.quiet}>{problem}</p> : null}
      {rows === null && !problem ? (
        <div className={classes.boneRow}>
          <span className={classes.bone} style={{ width: '60%' }} />
        </div>
      ) : null}
      {rows?.length === 0 ? <p className={classes.quiet}>{t('None yet.')}</p> : null}
      {rows && rows.length > 0 ? (
        <ul className={classes.rows}>
          {rows.map((row) => {
            const label = recordLabel(model, object, row) || t('Untitled');
            return (
              <li key={row.id} className={classes.relatedRow}>
                <Link
                  to="/objects/$namePlural/$id"
                  params={{ namePlural: object.namePlural, id: row.id }}
                  className={classes.relatedLink}
                >
                  <Avatar label={label} seed={row.id} size={20} round={object.nameSingular === 'person'} />
                  <span className={classes.relatedLabel}>{label}</span>
                </Link>
                {shown.map((field) => (
                  <span key={field.id} className={classes.relatedDetail}>
                    <FieldDisplay field={field} value={readValue(model, field, row)} />
                  </span>
                ))}
              </li>
            );
          })}
        </ul>
      ) : null}
      {more && !through && !joinTarget(holder) ? (
        <Link
          to="/objects/$namePlural"
          params={{ namePlural: holder.namePlural }}
          search={{ filters: [encodeFilter({ field: list.field.name, operator: 'is', value: id })] }}
          className={classes.showAll}
        >
          {t('Show all')}
        </Link>
      ) : null}
      {creating ? (
        <CreateModal
          model={model}
          object={object}
          fields={shown}
          values={through ? {} : { [relation.columnName]: id }}
          onClose={() => setCreating(false)}
          onCreated={(row) => void created(row)}
        />
      ) : null}
    </section>
  );
}
