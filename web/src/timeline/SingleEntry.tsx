import { IconCheckbox, IconNote, IconPaperclip, type Icon } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { CommentText } from '../comments/CommentText.tsx';
import { Avatar } from '../fields/Avatar.tsx';
import { actorOf } from '../history/changes.ts';
import { EventMenu } from '../history/EventMenu.tsx';
import { formatRelative } from '../model/dates.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { isChange, type Change, type Entry, type Kind } from './entries.ts';
import { EntryTime } from './EntryTime.tsx';
import { RecordLink } from './RecordLink.tsx';
import classes from './timeline.module.css';
import { linkOf, mergedWith, shareText } from './timelineText.ts';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

const VERBS: { [action: string]: string } = {
  created: t('created this'),
  deleted: t('deleted this'),
  restored: t('restored this'),
  destroyed: t('destroyed this'),
  shared: t('shared this'),
  unshared: t('stopped sharing this'),
  linked: t('linked this with'),
  unlinked: t('unlinked this from'),
};

/** Of a related record, which is named after it. */
const RELATED_VERBS: { [action: string]: string } = {
  created: t('created'),
  deleted: t('deleted'),
  restored: t('restored'),
  destroyed: t('destroyed'),
  shared: t('shared'),
  unshared: t('stopped sharing'),
  absorbed: t('merged other records into'),
  linked: t('linked'),
  unlinked: t('unlinked'),
};

/** What can be taken back. */
const REVERTED: ReadonlySet<string> = new Set(['created', 'deleted', 'restored', 'merged']);

const ADDED: { [kind in Kind]?: { verb: string; noun: string; Sign: Icon } } = {
  NOTE: { verb: t('added the note'), noun: t('Note'), Sign: IconNote },
  TASK: { verb: t('added the task'), noun: t('Task'), Sign: IconCheckbox },
  FILE: { verb: t('added the file'), noun: t('File'), Sign: IconPaperclip },
};

/** A merge names the records that there were, or the one that there is now. */
function Merge({ object, change }: { object: ModelObject; change: Change }) {
  const ids = mergedWith(change);
  const links = ids.map((id, n) => (
    <span key={id}>
      {n > 0 ? ', ' : ''}
      <RecordLink object={object} id={id} />
    </span>
  ));
  if (change.action === 'merged')
    return ids.length > 0 ? (
      <Trans text="merged this into {links}" values={{ links }} />
    ) : (
      <>{t('merged this into another')}</>
    );
  return ids.length > 0 ? (
    <Trans text="merged {links} into this" values={{ links }} />
  ) : (
    <>{t('merged others into this')}</>
  );
}

/** What happened once: created, shared, linked and so on; what was said; a note, a task or a file. */
export function SingleEntry({
  model,
  object,
  id,
  entry,
}: {
  model: Model;
  object: ModelObject;
  id: string;
  entry: Entry;
}) {
  // Who may not know who did it, or nobody whom the record of the link names.
  const isUnnamed = !isChange(entry) && !entry.actorName && !entry.actorType;
  const actor = actorOf(entry);
  const added = ADDED[entry.kind];
  const link = isChange(entry) ? linkOf(entry) : null;
  const share = isChange(entry) ? shareText(entry.action, entry.before, entry.after) : null;
  const isRelated = isChange(entry) && entry.relatedId !== null;
  const verb = isChange(entry)
    ? ((isRelated ? RELATED_VERBS : VERBS)[entry.action] ?? entry.action)
    : (added?.verb ?? '');
  const isMerge = isChange(entry) && !isRelated && (entry.action === 'merged' || entry.action === 'absorbed');
  // Of a record that was merged into this one.
  const isHere = isChange(entry) && isRelated && entry.action === 'merged' && mergedWith(entry)[0] === id;
  const related = entry.relatedId ? (
    <RecordLink
      object={model.objects.find((other) => other.nameSingular === entry.relatedObject)}
      id={entry.relatedId}
      withIcon={isRelated}
    />
  ) : null;
  const other = link ? (
    <RecordLink object={model.objects.find((each) => each.id === link.objectId)} id={link.recordId} />
  ) : null;
  return (
    <li className={classes.entry}>
      {added ? (
        <span className={classes.sign}>
          <added.Sign size={16} aria-hidden />
        </span>
      ) : (
        <Avatar label={actor} seed={actor} size={20} round />
      )}
      <div className={classes.text}>
        <div>
          {isUnnamed ? null : <b>{actor} </b>}
          {entry.commentId ? (
            <Link
              to="/objects/$namePlural/$id"
              params={{ namePlural: object.namePlural, id }}
              hash={`comment-${entry.commentId}`}
              className={classes.link}
            >
              {t('commented')}
            </Link>
          ) : isMerge && isChange(entry) ? (
            <Merge object={object} change={entry} />
          ) : isUnnamed ? (
            added?.noun
          ) : related && other && isChange(entry) ? (
            entry.action === 'linked' ? (
              <Trans text="linked {related} with {other}" values={{ related, other }} />
            ) : (
              <Trans text="unlinked {related} from {other}" values={{ related, other }} />
            )
          ) : isRelated && entry.action === 'merged' ? (
            isHere ? (
              <Trans text="merged {related} into this" values={{ related }} />
            ) : (
              <Trans text="merged {related} into another record" values={{ related }} />
            )
          ) : (
            <>
              {verb} {related ?? other}
            </>
          )}
          {isUnnamed ? <> {related}</> : null}
          <EntryTime at={entry.happenedAt} />
        </div>
        {share ? <div className={classes.change}>{share}</div> : null}
        {entry.body !== null ? (
          <div className={classes.said}>
            <CommentText body={entry.body} names={entry.mentions ?? {}} />
          </div>
        ) : null}
      </div>
      {isChange(entry) && REVERTED.has(entry.action) ? (
        <EventMenu model={model} event={entry} what={`${actor} ${entry.action} ${formatRelative(entry.happenedAt)}`} />
      ) : null}
    </li>
  );
}
