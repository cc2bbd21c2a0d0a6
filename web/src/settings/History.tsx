import { Button, Skeleton } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconArrowBackUp, IconChevronRight, IconHistory } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { Message } from '../app/Message.tsx';
import { Avatar } from '../fields/Avatar.tsx';
import { formatInstant, formatRelative } from '../model/dates.ts';
import { modelHistory, type HistoryChange, type HistoryEntry } from '../model/inquiries.ts';
import { planRevert } from '../model/planning.ts';
import { useWholeModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { changeNoun, changeVerb, differences } from './historyText.ts';
import classes from './lists.module.css';
import plan from './plan.module.css';
import { propose } from './planStore.ts';
import { t } from '../language/t.ts';

const PAGE = 50;

/** Whether a change is about the object: its own row, or a row that lies under it. */
function concerns(object: ModelObject, change: HistoryChange): boolean {
  if (change.rowId === object.id) return true;
  const row = change.after ?? change.before ?? {};
  if (row['object_id'] === object.id || row['objectId'] === object.id) return true;
  const fieldId = row['field_id'] ?? row['fieldId'];
  return (
    row['target_object_id'] === object.id ||
    row['targetObjectId'] === object.id ||
    (typeof fieldId === 'string' && object.fields.some((field) => field.id === fieldId))
  );
}

function ChangeLine({ change }: { change: HistoryChange }) {
  return (
    <li>
      {change.summary ?? (
        <>
          {changeVerb(change)} {changeNoun(change)} <strong>{change.label ?? change.rowId.slice(-6)}</strong>
        </>
      )}
      {differences(change).map((difference) => (
        <div key={difference.name} className={classes.difference}>
          {difference.name}: <del>{difference.before}</del> → <ins>{difference.after}</ins>
        </div>
      ))}
    </li>
  );
}

function Entry({ entry, isLatest, onRevert }: { entry: HistoryEntry; isLatest: boolean; onRevert: () => void }) {
  const [opened, setOpened] = useState(false);
  const who = entry.actorName ?? entry.actorType.toLowerCase();
  // The fields that the engine gives to every object go without saying, and have no summary.
  const told = entry.changes.filter((change) => change.summary !== null);
  return (
    <li className={classes.entry}>
      <div className={classes.entryHead}>
        <Avatar label={who} seed={who} size={22} round />
        <button type="button" className={classes.entryMain} aria-expanded={opened} onClick={() => setOpened(!opened)}>
          <strong>
            {entry.summary || t('{count, plural, one {# change} other {# changes}}', { count: entry.changes.length })}
          </strong>
          <small title={formatInstant(entry.happenedAt)}>
            {t('{who} · {happenedAt} · {source} · version {version}', {
              who,
              happenedAt: formatRelative(entry.happenedAt),
              source: entry.source.toLowerCase().replaceAll('_', ' '),
              version: entry.version,
            })}
          </small>
        </button>
        {isLatest ? (
          <span className={classes.now}>{t('As it is now')}</span>
        ) : (
          <Button
            variant="subtle"
            color="gray"
            leftSection={<IconArrowBackUp size={14} />}
            className={classes.revert}
            aria-label={t('Revert to this point: version {version}', { version: entry.version })}
            onClick={onRevert}
          >
            {t('Revert to this point')}
          </Button>
        )}
        <button
          type="button"
          className={classes.expand}
          aria-label={opened ? t('Hide details') : t('Show details')}
          data-open={opened || undefined}
          onClick={() => setOpened(!opened)}
        >
          <IconChevronRight size={15} aria-hidden />
        </button>
      </div>
      {opened ? (
        <div className={classes.details}>
          <ul className={classes.changes}>
            {told.map((change, index) => (
              <ChangeLine key={`${index} ${change.rowId}`} change={change} />
            ))}
          </ul>
          {entry.statements.length > 0 ? (
            <pre className={plan.sql}>{entry.statements.map((each) => each.trim()).join('\n')}</pre>
          ) : (
            <p className={classes.dim}>{t('No table changed.')}</p>
          )}
        </div>
      ) : null}
    </li>
  );
}

/** Who changed the model, when, and how; of one object, or of all. */
export function History({ object }: { object?: ModelObject }) {
  const model = useWholeModel();
  const [entries, setEntries] = useState<HistoryEntry[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isWhole, setWhole] = useState(false);
  const [busy, setBusy] = useState(false);

  const read = async (before: number | null, known: HistoryEntry[]) => {
    setBusy(true);
    try {
      const page = await modelHistory(PAGE, before);
      setEntries([...known, ...page]);
      setWhole(page.length < PAGE);
      setFailure(null);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };
  useEffect(() => void read(null, []), [model.version]);

  const revert = (entry: HistoryEntry) =>
    propose({
      title: t('Revert the model to version {version}', { version: entry.version }),
      verb: t('Revert'),
      replan: () => planRevert(entry.version),
      always: true,
    })
      .then((isApplied) => {
        if (isApplied)
          notifications.show({
            message: t('The model is as it was in version {version}.', { version: entry.version }),
          });
      })
      .catch((cause: unknown) => announceFailure(t('Not reverted'), cause));

  if (failure && !entries)
    return <ReadFailure what={t('History')} failure={failure} onRetry={() => void read(null, [])} />;
  if (!entries) return <Skeleton height={160} />;
  const older = () => void read(entries.at(-1)?.version ?? null, entries);
  const shown = object ? entries.filter((entry) => entry.changes.some((change) => concerns(object, change))) : entries;
  return (
    <>
      {shown.length === 0 && isWhole ? (
        <Message icon={<IconHistory size={22} stroke={1.5} />} title={t('No history yet')}>
          {t('Each change of the model is noted here, with who made it and the statements it ran.')}
        </Message>
      ) : (
        <ol className={classes.history} aria-label={t('History')}>
          {shown.map((entry) => (
            <Entry
              key={entry.version}
              entry={entry}
              isLatest={entry.version === entries[0]?.version}
              onRevert={() => void revert(entry)}
            />
          ))}
        </ol>
      )}
      {isWhole ? null : failure ? (
        <ReadFailure what={t('Older changes')} failure={failure} onRetry={older} />
      ) : (
        <Button variant="default" mt="md" loading={busy} onClick={older}>
          {t('Show older changes')}
        </Button>
      )}
    </>
  );
}
