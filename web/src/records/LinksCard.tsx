import { ActionIcon } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure } from '../api/failure.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { FieldEditor } from '../fields/FieldEditor.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { fieldById, labelField, objectById, visibleFields } from '../model/lookup.ts';
import { listDocument } from '../model/documents.ts';
import { rightsOf } from '../model/permissions.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { applyValue, isLink, readValue, type FieldValue, type Link as FieldLink } from '../model/values.ts';
import { remember, type Step } from '../undo/undo.ts';
import { announceFailure } from './announce.tsx';
import { createRecord, deleteRecords, linkColumns, saveEdits } from './changes.ts';
import { FieldRow } from './FieldRow.tsx';
import classes from './RecordView.module.css';
import { refusalsOf, type Refusal } from './refusals.ts';
import { useLiveObjects } from './useLiveObject.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const LIMIT = 50;

/** What a link tells besides its two ends, such as a role. */
export function linkFields(junction: ModelObject, field: ModelField): ModelField[] {
  const ends = [field.junction?.fieldId, field.junction?.otherFieldId];
  return visibleFields(junction).filter(
    (each) =>
      !each.isSystem &&
      !ends.includes(each.id) &&
      !(each.id === junction.labelFieldId && (each.isComputed || each.type === 'UUID')),
  );
}

interface LinkRowProps {
  model: Model;
  field: ModelField;
  junction: ModelObject;
  target: ModelObject;
  link: RecordRow;
  far: FieldLink;
  onRemove: () => void;
  onChange: (link: RecordRow) => void;
}

/** A record at the far end, with what its link says, which is edited where it stands. */
function LinkRow({ model, field, junction, target, link, far, onRemove, onChange }: LinkRowProps) {
  const [refusals, setRefusals] = useState<{ [fieldId: string]: Refusal }>({});
  const without = (id: string) => Object.fromEntries(Object.entries(refusals).filter(([key]) => key !== id));
  const save = async (each: ModelField, value: FieldValue) => {
    setRefusals(without(each.id));
    onChange(applyValue(model, each, link, value));
    try {
      onChange({ ...link, ...(await saveEdits(model, junction, link, [{ field: each, value }])) });
    } catch (cause) {
      const [refusal] = refusalsOf(junction, [{ field: each, value }], toFailure(cause));
      onChange(link);
      if (refusal) setRefusals({ ...without(each.id), [each.id]: refusal });
    }
  };
  return (
    <li className={classes.linkRow}>
      <Link
        to="/objects/$namePlural/$id"
        params={{ namePlural: target.namePlural, id: far.id }}
        className={classes.relatedLink}
      >
        <Avatar label={far.label || '?'} seed={far.id} size={20} round={target.nameSingular === 'person'} />
        <span className={classes.relatedLabel}>{far.label || t('Untitled')}</span>
      </Link>
      <div className={classes.linkFields}>
        {linkFields(junction, field).map((each) => {
          const refusal = refusals[each.id];
          return (
            <FieldRow
              key={each.id}
              model={model}
              field={each}
              row={link}
              save={refusal ? { kind: 'refused', refusal } : undefined}
              flashing={false}
              readOnly={!rightsOf(junction).canUpdate}
              onSave={(value) => void save(each, value)}
              onDrop={() => setRefusals(without(each.id))}
            />
          );
        })}
      </div>
      {rightsOf(junction).canDelete ? (
        <button
          type="button"
          className={classes.unlink}
          aria-label={t('Remove {label} from {fieldLabel}', {
            label: far.label || t('this record'),
            fieldLabel: field.label,
          })}
          onClick={onRemove}
        >
          <IconX size={13} />
        </button>
      ) : null}
    </li>
  );
}

/** On a record's page: all that a many-to-many field links it to. */
export function LinksCard({ model, field, id }: { model: Model; field: ModelField; id: string }) {
  const junction = field.junction ? objectById(model, field.junction.objectId) : undefined;
  const target = field.junction ? objectById(model, field.junction.targetObjectId) : undefined;
  if (!junction || !target?.isActive || !fieldById(junction, field.junction?.otherFieldId)) return null;
  return <Links model={model} field={field} id={id} junction={junction} target={target} />;
}

interface LinksProps {
  model: Model;
  field: ModelField;
  id: string;
  junction: ModelObject;
  target: ModelObject;
}

function Links({ model, field, id, junction, target }: LinksProps) {
  const [links, setLinks] = useState<RecordRow[] | null>(null);
  const [more, setMore] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [adding, setAdding] = useState(false);
  const far = fieldById(junction, field.junction?.otherFieldId);
  const { own, other } = linkColumns(model, field);

  const read = useCallback(async () => {
    if (!far) return;
    try {
      const { list } = await request(listDocument(model, junction, [far, ...linkFields(junction, field)]), {
        first: LIMIT,
        filter: { [own]: { equalTo: id } },
        orderBy: ['CREATED_AT_ASC', 'ID_ASC'],
      });
      setLinks(list.nodes);
      setMore(list.pageInfo.hasNextPage);
      setProblem(null);
    } catch (cause) {
      setProblem(toFailure(cause).message);
    }
  }, [model, junction, field, far, own, id]);
  useEffect(() => void read(), [read]);
  useLiveObjects([junction.id, target.id], () => void read());

  const ends = (links ?? []).flatMap((link) => {
    const value = far ? readValue(model, far, link) : null;
    return isLink(value) ? [{ link, far: value }] : [];
  });
  const linked = ends.map((each) => ({ ...each.far, relationId: field.id }));

  const change = async (value: FieldValue) => {
    const wanted = Array.isArray(value) ? value.filter(isLink) : [];
    const added = wanted.filter((each) => !linked.some((known) => known.id === each.id));
    const step: Step = { label: field.label, requestIds: [] };
    const removed = ends.filter((each) => !wanted.some((known) => known.id === each.far.id));
    try {
      for (const each of added) await createRecord(model, junction, [], { [own]: id, [other]: each.id }, step);
      await deleteRecords(
        junction,
        removed.map(({ link }) => link.id),
        step,
      );
    } catch (cause) {
      announceFailure(t('{label} not changed', { label: field.label }), cause);
    }
    remember(step);
    await read();
  };

  return (
    <section
      className={classes.block}
      aria-label={field.label}
      data-empty={(links !== null && ends.length === 0) || undefined}
    >
      <div className={classes.blockHead}>
        <ObjectIcon name={target.icon} color={target.color} size={15} />
        <h2 className={classes.blockTitle}>{field.label}</h2>
        {ends.length > 0 ? <span className={classes.count}>{more ? `${ends.length}+` : ends.length}</span> : null}
        <div style={{ marginLeft: 'auto', position: 'relative' }}>
          {rightsOf(junction).canCreate ? (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('Link {labelPlural}', { labelPlural: inSentence(target.labelPlural) })}
              onClick={() => setAdding(true)}
            >
              <IconPlus size={15} />
            </ActionIcon>
          ) : null}
          {adding ? (
            <div className={classes.linkEditor}>
              <FieldEditor
                field={field}
                value={linked.length > 0 ? linked : null}
                typed={null}
                recordId={id}
                onSave={(value) => void change(value)}
                done={() => setAdding(false)}
              />
            </div>
          ) : null}
        </div>
      </div>
      {problem ? <p className={classes.quiet}>{problem}</p> : null}
      {links === null && !problem ? (
        <div className={classes.boneRow}>
          <span className={classes.bone} style={{ width: '60%' }} />
        </div>
      ) : null}
      {links !== null && ends.length === 0 ? <p className={classes.quiet}>{t('None yet.')}</p> : null}
      {ends.length > 0 ? (
        <ul className={classes.rows}>
          {ends.map(({ link, far: end }) => (
            <LinkRow
              key={link.id}
              model={model}
              field={field}
              junction={junction}
              target={target}
              link={link}
              far={end}
              onRemove={() => void change(linked.filter((each) => each.id !== end.id))}
              onChange={(next) => setLinks((all) => (all ?? []).map((each) => (each.id === next.id ? next : each)))}
            />
          ))}
        </ul>
      ) : null}
      {more ? (
        <p className={classes.quiet}>
          {labelField(target)
            ? t('The first {limit} are shown. Filter {labelPlural} to see all.', {
                limit: LIMIT,
                labelPlural: inSentence(target.labelPlural),
              })
            : t('The first {limit} are shown.', { limit: LIMIT })}
        </p>
      ) : null}
    </section>
  );
}
