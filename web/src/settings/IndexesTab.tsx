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
import { count } from './planText.ts';
import page from './settings.module.css';
import { useOnlineChanges } from './useOnlineChanges.ts';

const WORK: { [kind in OnlineChange['kind']]: string } = {
  INDEX: 'Building an index',
  VALIDATE: 'Checking old records',
  NOT_NULL: 'Making a field required',
  NUMBER: 'Numbering records',
  BACKFILL: 'Filling a field',
  TYPE: 'Converting a field',
};

function progressText(change: OnlineChange, share: number | null, total: number): string {
  if (change.status === 'DONE') return 'Done';
  if (change.status === 'FAILED') return `Failed after ${count(change.attempts, 'attempt')}`;
  if (change.status === 'QUEUED') return 'Waiting for its turn';
  return share === null ? 'Under way' : `${Math.floor(share)} % of ${total.toLocaleString('en')} rows`;
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
      const label = fieldById(object, fieldId)?.label ?? 'a deleted field';
      return `${label}${part ? ` (${partLabel(part).toLowerCase()})` : ''}${descending ? ', descending' : ''}`;
    })
    .join(' · ');

export function IndexesTab({ object }: { object: ModelObject }) {
  const [adding, setAdding] = useState(false);
  const works = useOnlineChanges(object.id);
  const remove = (index: ModelIndex) =>
    proposeChanges(`Delete the index “${index.name}”`, [{ op: 'delete', table: 'indexes', id: index.id }], {
      verb: 'Delete',
    }).catch((cause: unknown) => announceFailure('The index was not deleted', cause));
  const add = (
    <Button
      leftSection={<IconPlus size={14} stroke={2.2} />}
      onClick={() => setAdding(true)}
      disabled={!object.isActive}
      className={page.barEnd}
    >
      Add index
    </Button>
  );
  return (
    <div className={page.page} tabIndex={0} role="region" aria-label={`Indexes of ${object.labelPlural}`}>
      <div className={page.inner}>
        {works.length > 0 ? (
          <ul className={classes.works} aria-label="Under way">
            {works.map((work) => (
              <OnlineWork key={work.id} change={work} />
            ))}
          </ul>
        ) : null}
        {object.indexes.length === 0 ? (
          <Message icon={<IconBolt size={22} stroke={1.5} />} title="No indexes of your own" actions={add}>
            The engine keeps those for relations, unique fields, search and labels. Add one where a filter or an order
            over many records is slow.
          </Message>
        ) : (
          <>
            <div className={page.bar}>{add}</div>
            <ul className={classes.lines} aria-label="Indexes">
              {object.indexes.map((index) => (
                <li key={index.id} className={classes.line}>
                  <div className={classes.main}>
                    <strong>
                      {index.name}
                      {works.some((work) => work.status !== 'DONE' && work.key.endsWith(` index:${index.id}`)) ? (
                        <span className={page.badge}>being built</span>
                      ) : null}
                    </strong>
                    <small>
                      {INDEX_KINDS.find((kind) => kind.value === index.kind)?.label}: {partText(object, index)}
                      {index.condition ? (
                        <>
                          {' '}
                          where <code>{index.condition}</code>
                        </>
                      ) : null}
                    </small>
                  </div>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={`Delete index ${index.name}`}
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
