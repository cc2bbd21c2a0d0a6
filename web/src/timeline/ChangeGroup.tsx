import { IconChevronRight } from '@tabler/icons-react';
import { useState } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import { actorOf } from '../history/changes.ts';
import { EventMenu } from '../history/EventMenu.tsx';
import { formatRelative } from '../model/dates.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { knownLabel } from '../records/recordLabels.ts';
import type { Change } from './entries.ts';
import { EntryTime } from './EntryTime.tsx';
import { RecordLink } from './RecordLink.tsx';
import classes from './timeline.module.css';
import { changedFields, type Changed } from './timelineText.ts';
import { t } from '../language/t.ts';
import { usePrinting } from '../print/printing.ts';

function Lines({ lines }: { lines: Changed[] }) {
  return lines.map((line) => (
    <div key={line.label} className={classes.change}>
      <span>{line.label}</span> {line.before ? <s>{line.before}</s> : null} <span aria-hidden>→</span>{' '}
      <span className={classes.after}>{line.after || t('empty')}</span>
    </div>
  ));
}

/** What somebody changed within a minute, of this record or of a related one: one field shows at once, more can be opened. */
export function ChangeGroup({ model, object, changes }: { model: Model; object: ModelObject; changes: Change[] }) {
  const [isOpen, setIsOpen] = useState(false);
  const latest = changes[0]!;
  const actor = actorOf(latest);
  const isPrinting = usePrinting((state) => state.isPrinting);
  const told = changes.map((change) => ({
    change,
    lines: changedFields(
      model,
      object,
      change.before ?? {},
      change.after ?? {},
      (other) => knownLabel(other) ?? t('a record'),
    ),
  }));
  const labels = [...new Set(told.flatMap(({ lines }) => lines.map(({ label }) => label)))];
  // Where only the order in a list or the like was changed there is nothing to read.
  if (labels.length === 0) return null;
  const isShort = changes.length === 1 && labels.length === 1;
  const summary =
    labels.length === 1
      ? t('{labels} {count} times', { labels: labels[0], count: changes.length })
      : t('{count} fields', { count: labels.length });
  const menuOf = (change: Change) => (
    <EventMenu
      model={model}
      event={change}
      what={t('{actor} changed {happenedAt}', { actor, happenedAt: formatRelative(change.happenedAt) })}
    />
  );
  return (
    <li className={classes.entry}>
      <Avatar label={actor} seed={actor} size={20} round />
      <div className={classes.text}>
        <div>
          <b>{actor}</b> {t('changed')}{' '}
          {latest.relatedId ? (
            <>
              <RecordLink object={object} id={latest.relatedId} withIcon />{' '}
            </>
          ) : null}
          {isShort ? null : (
            <button
              type="button"
              data-told
              className={classes.more}
              aria-expanded={isOpen}
              onClick={() => setIsOpen(!isOpen)}
            >
              {summary}
              <IconChevronRight size={13} aria-hidden />
            </button>
          )}
          <EntryTime at={latest.happenedAt} />
        </div>
        {isShort || ((isOpen || isPrinting) && changes.length === 1) ? <Lines lines={told[0]!.lines} /> : null}
        {(isOpen || isPrinting) && changes.length > 1 ? (
          <ol className={classes.steps}>
            {told.map(({ change, lines }) => (
              <li key={change.entryKey} className={classes.step}>
                <div className={classes.text}>
                  <Lines lines={lines} />
                </div>
                {menuOf(change)}
              </li>
            ))}
          </ol>
        ) : null}
      </div>
      {changes.length === 1 ? menuOf(latest) : null}
    </li>
  );
}
