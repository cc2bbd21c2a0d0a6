import { Alert, Badge, Button, Group, Modal, Radio, Skeleton, Switch } from '@mantine/core';
import { Fragment, useEffect, useState } from 'react';
import { toFailure } from '../api/failure.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { formatRelative } from '../model/dates.ts';
import { labelField, objectById } from '../model/lookup.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { isLink, readValue, recordLabel, type FieldValue } from '../model/values.ts';
import { offerToTakeBack } from '../records/announce.tsx';
import { knownLabel, readLabels } from '../records/recordLabels.ts';
import { reasonOf } from '../records/refusals.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { undoStep } from '../undo/undo.ts';
import { mergeRecords, planMerge, type Choices, type MergePlan, type Move } from './calls.ts';
import { ALL, canUnite, fieldsToChoose, mergeData, rowOf } from './choices.ts';
import classes from './merge.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface MergeDialogProps {
  model: Model;
  object: ModelObject;
  ids: string[];
  onClose: () => void;
  onMerged: (survivorId: string) => void;
  /** After the merge was taken back. */
  onUndone?: () => void;
}

/** Labels of the records that the values lead to, which the plan names by their ids alone. */
async function plan(model: Model, object: ModelObject, ids: string[], survivor: string | null): Promise<MergePlan> {
  const planned = await planMerge(object, ids, survivor);
  const linked = new Map<string, string[]>();
  for (const field of object.fields)
    for (const relation of field.relations)
      for (const { values } of planned.records) {
        const id = values[relation.columnName];
        if (typeof id === 'string')
          linked.set(relation.targetObjectId, [...(linked.get(relation.targetObjectId) ?? []), id]);
      }
  const wanted = [
    ...linked,
    [object.id, planned.records.filter((each) => !each.isTrashed).map((each) => each.recordId)],
  ];
  await Promise.all(
    wanted.map(async ([objectId, found]) => {
      const target = objectById(model, objectId as string);
      if (target) await readLabels(model, target, [...new Set(found as string[])]).catch(() => undefined);
    }),
  );
  return planned;
}

function valueIn(model: Model, field: ModelField, row: RecordRow): FieldValue {
  const value = readValue(model, field, row);
  return isLink(value) ? { ...value, label: knownLabel(value.id) ?? '' } : value;
}

const sum = (move: Move, ids: string[]): number => ids.reduce((total, id) => total + (move.counts[id] ?? 0), 0);

/** Several records side by side: which one stays, whose value it gets for each field, and what moves to it. */
export function MergeDialog({ model, object, ids, onClose, onMerged, onUndone }: MergeDialogProps) {
  const [survivor, setSurvivor] = useState<string | null>(null);
  const [chosen, setChosen] = useState<Choices>({});
  const [showsAll, setShowsAll] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const { answer, failure } = useInquiry(`${ids.join()} ${survivor ?? ''}`, () => plan(model, object, ids, survivor));
  const [shown, setShown] = useState<MergePlan | null>(null);
  useEffect(() => {
    if (answer) setShown(answer);
  }, [answer]);
  const many = inSentence(object.labelPlural);
  const title = t('Merge {count} {many}', { count: ids.length, many });

  if (failure || !shown)
    return (
      <Modal opened onClose={onClose} size="lg" title={title}>
        {failure ? (
          <Alert color="red" role="alert">
            {reasonOf(failure)}
          </Alert>
        ) : (
          <Skeleton height={220} />
        )}
      </Modal>
    );

  const choices = { ...shown.choices, ...chosen };
  const { differing, same } = fieldsToChoose(object, shown);
  const fields = showsAll ? [...differing, ...same] : differing;
  const unites = fields.some((field) => canUnite(field, shown));
  const labels = new Map(
    shown.records.map((record) => [
      record.recordId,
      (labelField(object) && recordLabel(model, object, rowOf(record))) || knownLabel(record.recordId) || t('Untitled'),
    ]),
  );
  const others = shown.records.map(({ recordId }) => recordId).filter((id) => id !== shown.survivorId);
  const moves = shown.moves.filter((move) => sum(move, others) > 0);
  const mayNot = shown.survivors.includes(shown.survivorId)
    ? others.every((id) => shown.removable.includes(id))
      ? null
      : t('Your role may not delete all of the others, and merging puts them into the trash.')
    : t('Your role may not change the record that stays.');

  const submit = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const step = await mergeRecords(object, {
        survivorId: shown.survivorId,
        otherIds: others,
        data: mergeData(object, shown, choices),
      });
      onClose();
      onMerged(shown.survivorId);
      offerToTakeBack(t('{count} {many} merged', { count: ids.length, many }), () => undoStep(step, onUndone));
    } catch (cause) {
      setProblem(reasonOf(toFailure(cause)));
      setBusy(false);
    }
  };

  const choice = (field: ModelField, of: string, value: FieldValue) => (
    <td key={of} data-chosen={choices[field.name] === of || undefined}>
      <label className={classes.choice}>
        <Radio
          size="xs"
          name={`merge-${field.name}`}
          value={of}
          checked={choices[field.name] === of}
          onChange={() => setChosen({ ...chosen, [field.name]: of })}
          aria-label={`${field.label}: ${of === ALL ? t('all values together') : labels.get(of)}`}
        />
        <span className={classes.value}>
          {value === null ? (
            <span className={classes.blank}>{t('empty')}</span>
          ) : (
            <FieldDisplay field={field} value={value} full />
          )}
        </span>
      </label>
    </td>
  );

  return (
    <Modal opened onClose={onClose} size={Math.min(420 + 210 * ids.length, 1240)} title={title}>
      <div className={classes.scroll} tabIndex={0} role="region" aria-label={t('Records side by side')}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">
                <span className="visually-hidden">{t('Field')}</span>
              </th>
              {shown.records.map((record) => (
                <th key={record.recordId} scope="col">
                  <span className={classes.head}>
                    <Avatar
                      label={labels.get(record.recordId)!}
                      seed={record.recordId}
                      size={22}
                      round={object.nameSingular === 'person'}
                    />
                    <span className={classes.name}>{labels.get(record.recordId)}</span>
                  </span>
                  <Radio
                    size="xs"
                    mt={6}
                    name="merge-survivor"
                    label={record.recordId === shown.survivorId ? t('Stays') : t('Keep this one')}
                    aria-label={t('Keep {labels}', { labels: labels.get(record.recordId) })}
                    checked={record.recordId === shown.survivorId}
                    disabled={!shown.survivors.includes(record.recordId)}
                    onChange={() => {
                      setSurvivor(record.recordId);
                      setChosen({});
                    }}
                  />
                  <span className={classes.meta}>
                    {record.isTrashed ? (
                      <Badge size="xs" variant="light" color="gray">
                        {t('In the trash')}
                      </Badge>
                    ) : record.updatedAt ? (
                      <>{t('changed {updatedAt}', { updatedAt: formatRelative(record.updatedAt) })}</>
                    ) : null}
                  </span>
                </th>
              ))}
              {unites ? <th scope="col">{t('All together')}</th> : null}
            </tr>
          </thead>
          <tbody>
            {fields.map((field) => (
              <tr key={field.id} role="radiogroup" aria-label={field.label}>
                <th scope="row">{field.label}</th>
                {shown.records.map((record) => choice(field, record.recordId, valueIn(model, field, rowOf(record))))}
                {unites ? (
                  canUnite(field, shown) ? (
                    choice(field, ALL, readValue(model, field, { ...shown.united, id: ALL }))
                  ) : (
                    <td />
                  )
                ) : null}
              </tr>
            ))}
          </tbody>
        </table>
        {differing.length === 0 && !showsAll ? (
          <p className={classes.note}>{t('They have the same values in all fields that you may change.')}</p>
        ) : null}
      </div>
      {same.length > 0 ? (
        <Switch
          size="xs"
          mt="sm"
          label={t(
            '{count, plural, one {Show also the field in which they do not differ} other {Show also the # fields in which they do not differ}}',
            { count: same.length },
          )}
          checked={showsAll}
          onChange={(event) => setShowsAll(event.currentTarget.checked)}
        />
      ) : null}
      <section className={classes.moves} aria-label={t('What moves')}>
        {moves.length === 0 ? (
          <p className={classes.note}>{t('Nothing else refers to the others, as far as you can see.')}</p>
        ) : (
          <p className={classes.note}>
            {t('To {labels} move:', { labels: labels.get(shown.survivorId) })}{' '}
            {moves.map((move, i) => (
              <Fragment key={move.label}>
                {i > 0 ? ', ' : ''}
                {move.label} (<b>{sum(move, others)}</b>)
              </Fragment>
            ))}
            .
          </p>
        )}
        <p className={classes.note}>{t('The others go to the trash. It can be undone.')}</p>
      </section>
      {problem || mayNot ? (
        <Alert color="red" variant="light" p="xs" role="alert">
          {problem ?? mayNot}
        </Alert>
      ) : null}
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose}>
          {t('Cancel')}
        </Button>
        <Button loading={busy} disabled={mayNot !== null} onClick={() => void submit()} data-autofocus>
          {t('Merge {count} {many}', { count: ids.length, many })}
        </Button>
      </Group>
    </Modal>
  );
}
