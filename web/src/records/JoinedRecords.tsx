import { ActionIcon } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { FieldEditor } from '../fields/FieldEditor.tsx';
import { listDocument } from '../model/documents.ts';
import { joinedFrom } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import type { FieldRelation, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { isLink, readValue } from '../model/values.ts';
import { announceFailure } from './announce.tsx';
import { createRecord, deleteRecords } from './changes.ts';
import { ReadFailure } from './ReadFailure.tsx';
import classes from './RecordView.module.css';
import { useLiveObjects } from './useLiveObject.ts';
import { t } from '../language/t.ts';

/** On the page of a task or a note: the people, companies and others that it is about. */
function Joined({
  model,
  holder,
  own,
  morph,
  id,
}: {
  model: Model;
  holder: ModelObject;
  own: FieldRelation;
  morph: ModelField;
  id: string;
}) {
  const [joins, setJoins] = useState<RecordRow[]>([]);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [adding, setAdding] = useState(false);
  const latest = useRef(0);
  const read = useCallback(async () => {
    const mine = (latest.current += 1);
    try {
      const { list } = await request(listDocument(model, holder, [morph]), {
        first: 50,
        filter: { [own.columnName]: { equalTo: id } },
      });
      // What was asked before may be answered after.
      if (mine !== latest.current) return;
      setJoins(list.nodes);
      setFailure(null);
    } catch (cause) {
      if (mine === latest.current) setFailure(toFailure(cause));
    }
  }, [model, holder, morph, own.columnName, id]);
  useEffect(() => void read(), [read]);
  useLiveObjects([holder.id], () => void read());

  const add = async (value: unknown) => {
    if (!isLink(value as never)) return;
    const link = value as { relationId: string; id: string };
    const relation = morph.relations.find((each) => each.id === link.relationId);
    if (!relation) return;
    try {
      await createRecord(model, holder, [], { [own.columnName]: id, [relation.columnName]: link.id });
      await read();
    } catch (cause) {
      announceFailure(t('Not linked'), cause);
    }
  };
  const remove = async (join: RecordRow) => {
    try {
      await deleteRecords(holder, [join.id]);
      await read();
    } catch (cause) {
      announceFailure(t('Link not removed'), cause);
    }
  };

  return (
    <section className={classes.block} aria-label={t('About')}>
      <div className={classes.blockHead}>
        <h2 className={classes.blockTitle}>{t('About')}</h2>
        <div style={{ marginLeft: 'auto', position: 'relative' }}>
          {rightsOf(holder).canCreate ? (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('Link a record')}
              onClick={() => setAdding(true)}
            >
              <IconPlus size={15} />
            </ActionIcon>
          ) : null}
          {adding ? (
            <div className={classes.linkEditor}>
              <FieldEditor
                field={{ ...morph, label: t('Record'), isRequired: true }}
                value={null}
                typed={null}
                onSave={(value) => void add(value)}
                done={() => setAdding(false)}
              />
            </div>
          ) : null}
        </div>
      </div>
      {failure ? (
        <ReadFailure what={t('Links')} failure={failure} onRetry={() => void read()} />
      ) : joins.length === 0 ? (
        <p className={classes.quiet}>{t('Not linked to anything yet.')}</p>
      ) : null}
      <ul className={classes.joined}>
        {joins.map((join) => {
          const link = readValue(model, morph, join);
          return link === null ? null : (
            <li key={join.id} className={classes.joinedItem}>
              <FieldDisplay field={morph} value={link} />
              {rightsOf(holder).canDelete ? (
                <button
                  type="button"
                  className={classes.unlink}
                  aria-label={t('Remove the link to {label}', { label: isLink(link) ? link.label : t('this record') })}
                  onClick={() => void remove(join)}
                >
                  <IconX size={12} />
                </button>
              ) : null}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

export function JoinedRecords({ model, object, id }: { model: Model; object: ModelObject; id: string }) {
  return joinedFrom(model, object).map(({ holder, own, morph }) => (
    <Joined key={holder.id} model={model} holder={holder} own={own} morph={morph} id={id} />
  ));
}
