import { countText } from '../model/formats.ts';
import { ActionIcon, Alert, Button, Progress } from '@mantine/core';
import { IconBolt, IconPlus, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { Message } from '../app/Message.tsx';
import { fieldById } from '../model/lookup.ts';
import type { OnlineChange } from '../model/inquiries.ts';
import type { ModelIndex, ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { INDEX_KINDS, partLabel } from './indexKinds.ts';
import { IndexPanel } from './IndexPanel.tsx';
import classes from './lists.module.css';
import { proposeChanges } from './planStore.ts';
import page from './settings.module.css';
import { useOnlineChanges } from './useOnlineChanges.ts';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

const WORK: { [kind in OnlineChange['kind']]: string } = {
  INDEX: t('Building an index'),
  VALIDATE: t('Checking old records'),
  NOT_NULL: t('Making a field required'),
  NUMBER: t('Numbering records'),
  BACKFILL: t('Filling a field'),
  TYPE: t('Converting a field'),
};

function progressText(change: OnlineChange, share: number | null, total: number): string {
  if (change.status === 'DONE') return t('Done');
  if (change.status === 'FAILED')
    return t('{attempts, plural, one {Failed after # attempt} other {Failed after # attempts}}', {
      attempts: change.attempts,
    });
  if (change.status === 'QUEUED') return t('Waiting for its turn');
  return share === null
    ? t('Under way')
    : t('{floor} % of {total} rows', { floor: Math.floor(share), total: countText(total) });
}

function OnlineWork({ change }: { change: OnlineChange }) {
  const total = Number(change.rowsTotal ?? 0);
  const share = total > 0 ? Math.min(100, (100 * Number(change.rowsDone)) / total) : null;
  return (
    <li className={classes.work}>
      <div className={classes.workHead}>
        <strong>{WORK[change.kind]}</strong>
        <span role="status">{progressText(change, share, total)}</span>
      </div>
      <Progress
        value={change.status === 'DONE' ? 100 : change.status === 'QUEUED' ? 0 : (share ?? 100)}
        animated={change.status === 'RUNNING' && share === null}
        color={change.status === 'FAILED' ? 'red' : undefined}
        size="sm"
        aria-label={WORK[change.kind]}
      />
      {change.error ? (
        <Alert color="red" mt={6} className={classes.small}>
          {change.error}
        </Alert>
      ) : null}
    </li>
  );
}

const partText = (object: ModelObject, index: ModelIndex): string =>
  index.parts
    .map(({ fieldId, part, descending }) => {
      const label = fieldById(object, fieldId)?.label ?? t('a deleted field');
      return part
        ? descending
          ? t('{label} ({part}), descending', { label, part: partLabel(part).toLowerCase() })
          : `${label} (${partLabel(part).toLowerCase()})`
        : descending
          ? t('{label}, descending', { label })
          : `${label}`;
    })
    .join(' · ');

export function IndexesTab({ object }: { object: ModelObject }) {
  const [adding, setAdding] = useState(false);
  const works = useOnlineChanges(object.id);
  const remove = (index: ModelIndex) =>
    proposeChanges(
      t('Delete the index “{name}”', { name: index.name }),
      [{ op: 'delete', table: 'indexes', id: index.id }],
      {
        verb: t('Delete'),
      },
    ).catch((cause: unknown) => announceFailure(t('The index was not deleted'), cause));
  const add = (
    <Button
      leftSection={<IconPlus size={14} stroke={2.2} />}
      onClick={() => setAdding(true)}
      disabled={!object.isActive}
      className={page.barEnd}
    >
      {t('Add index')}
    </Button>
  );
  return (
    <div
      className={page.page}
      tabIndex={0}
      role="region"
      aria-label={t('Indexes of {labelPlural}', { labelPlural: object.labelPlural })}
    >
      <div className={page.inner}>
        {works.length > 0 ? (
          <ul className={classes.works} aria-label={t('Under way')}>
            {works.map((work) => (
              <OnlineWork key={work.id} change={work} />
            ))}
          </ul>
        ) : null}
        {object.indexes.length === 0 ? (
          <Message icon={<IconBolt size={22} stroke={1.5} />} title={t('No indexes of your own')} actions={add}>
            {t(
              'The engine keeps those for relations, unique fields, search and labels. Add one where a filter or an order over many records is slow.',
            )}
          </Message>
        ) : (
          <>
            <div className={page.bar}>{add}</div>
            <ul className={classes.lines} aria-label={t('Indexes')}>
              {object.indexes.map((index) => (
                <li key={index.id} className={classes.line}>
                  <div className={classes.main}>
                    <strong>
                      {index.name}
                      {works.some((work) => work.status !== 'DONE' && work.key.endsWith(` index:${index.id}`)) ? (
                        <span className={page.badge}>{t('being built')}</span>
                      ) : null}
                    </strong>
                    <small>
                      {INDEX_KINDS.find((kind) => kind.value === index.kind)?.label}: {partText(object, index)}
                      {index.condition ? (
                        <>
                          {' '}
                          <Trans text={'where {value}'} values={{ value: <code>{index.condition}</code> }} />
                        </>
                      ) : null}
                    </small>
                  </div>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={t('Delete index {name}', { name: index.name })}
                    onClick={() => void remove(index)}
                  >
                    <IconTrash size={15} />
                  </ActionIcon>
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
      {adding ? <IndexPanel object={object} onClose={() => setAdding(false)} /> : null}
    </div>
  );
}
