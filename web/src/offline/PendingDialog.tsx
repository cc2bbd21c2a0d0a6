import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { fieldById, objectById } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import type { Model, ModelField, RecordRow } from '../model/types.ts';
import { readValue, type FieldValue } from '../model/values.ts';
import classes from './offline.module.css';
import { madeText } from './offlineText.ts';
import { describe } from './keeping.ts';
import { currentKeeping, usePending, withdraw } from './pending.ts';
import type { Change, Problem } from './queue.ts';
import { t } from '../language/t.ts';

/** What waits for the server; first, one by one, what is to be decided. */
export function PendingDialog({ onClose }: { onClose: () => void }) {
  const model = useModel();
  const changes = usePending((state) => state.changes);
  const stuck = changes.filter(({ problem }) => problem !== null);
  const [first] = stuck;
  return (
    <Modal
      opened
      onClose={onClose}
      size={first ? 'lg' : 'md'}
      title={
        first
          ? t('{count, plural, one {A change to decide about} other {# changes to decide about, one by one}}', {
              count: stuck.length,
            })
          : t('Changes that wait')
      }
    >
      {first?.problem ? (
        <Decision key={first.key} model={model} change={first} problem={first.problem} />
      ) : changes.length === 0 ? (
        <Stack>
          <Text size="sm">{t('The server has everything.')}</Text>
          <Group justify="flex-end">
            <Button onClick={onClose}>{t('Close')}</Button>
          </Group>
        </Stack>
      ) : (
        <ul className={classes.list}>
          {changes.map((change) => (
            <li key={change.key}>
              <span>
                {describe(model, change)}
                <br />
                <span className={classes.when}>{madeText(change.madeAt)}</span>
              </span>
              <Button
                size="compact-sm"
                variant="default"
                aria-label={t('Give up: {model}', { model: describe(model, change) })}
                onClick={() => void withdraw([change.key])}
              >
                {t('Give up')}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Modal>
  );
}

function Decision({ model, change, problem }: { model: Model; change: Change; problem: Problem }) {
  const object = objectById(model, change.objectId);
  const giveUp = () => void withdraw([change.key]);
  const retry = (isForced: boolean) => void currentKeeping()?.queue.retry(change.key, isForced);
  const fields = change.edits.flatMap(({ fieldId, value }) => {
    const field = object && fieldById(object, fieldId);
    return field ? [{ field, value }] : [];
  });
  const isDeletion = change.kind === 'DELETE';
  return (
    <Stack gap="md">
      <div>
        <Text fw={600}>{describe(model, change)}</Text>
        <Text size="sm" c="dimmed">
          {madeText(change.madeAt)}
        </Text>
      </div>
      {problem.kind === 'CHANGED' ? (
        <>
          <Text size="sm">
            {problem.by
              ? t('{by} changed the same meanwhile.', { by: problem.by })
              : t('The same was changed meanwhile.')}
          </Text>
          {isDeletion ? null : (
            <div className={classes.sides}>
              <Side title={t('Yours')} values={fields} />
              <Side title={t('Theirs')} values={theirs(model, fields, problem.theirs)} />
            </div>
          )}
        </>
      ) : problem.kind === 'MISSING' ? (
        <Text size="sm">
          {t(
            'The record was deleted meanwhile, or you may not see it any more. What you changed is lost with it, unless it is restored from the trash first.',
          )}
        </Text>
      ) : (
        <Text size="sm" role="alert">
          {problem.reason}
        </Text>
      )}
      {problem.kind === 'CHANGED' ? null : <Side title={t('Yours')} values={fields} />}
      <Group justify="flex-end">
        {object && change.kind !== 'CREATE' && problem.kind !== 'MISSING' ? (
          <Button
            variant="subtle"
            renderRoot={(props) => (
              <Link
                to="/objects/$namePlural/$id"
                params={{ namePlural: object.namePlural, id: change.recordId }}
                {...props}
              />
            )}
          >
            {t('Open the record')}
          </Button>
        ) : null}
        {problem.kind === 'CHANGED' ? (
          <>
            <Button variant="default" onClick={giveUp}>
              {isDeletion ? t('Keep the record') : t('Keep theirs')}
            </Button>
            <Button color={isDeletion ? 'red' : undefined} onClick={() => retry(true)}>
              {isDeletion ? t('Delete it all the same') : t('Keep mine')}
            </Button>
          </>
        ) : (
          <>
            <Button variant="default" onClick={giveUp}>
              {t('Give it up')}
            </Button>
            <Button onClick={() => retry(false)}>{t('Try again')}</Button>
          </>
        )}
      </Group>
    </Stack>
  );
}

const theirs = (model: Model, fields: { field: ModelField }[], row: RecordRow) =>
  fields.map(({ field }) => ({ field, value: readValue(model, field, row) }));

function Side({ title, values }: { title: string; values: { field: ModelField; value: FieldValue }[] }) {
  if (values.length === 0) return null;
  return (
    <section className={classes.side} aria-label={title}>
      <h3>{title}</h3>
      <dl>
        {values.map(({ field, value }) => (
          <div key={field.id}>
            <dt>{field.label}</dt>
            <dd>{value === null ? t('Empty') : <FieldDisplay field={field} value={value} full />}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
