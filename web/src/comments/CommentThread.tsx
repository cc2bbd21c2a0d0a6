import { ActionIcon, Menu, Tooltip } from '@mantine/core';
import { IconCheck, IconDots, IconPencil, IconTrash } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import { formatInstant, formatRelative } from '../model/dates.ts';
import type { ModelObject } from '../model/types.ts';
import { announceFailure, offerToTakeBack } from '../records/announce.tsx';
import {
  addComment,
  bringBackComment,
  editComment,
  removeComment,
  resolveComment,
  type Comment,
  type Thread,
} from './comments.ts';
import { CommentText } from './CommentText.tsx';
import classes from './comments.module.css';
import { Composer } from './Composer.tsx';
import { t } from '../language/t.ts';
import { usePrinting } from '../print/printing.ts';

interface ThreadProps {
  object: ModelObject;
  recordId: string;
  thread: Thread;
  /** The comment that a link leads to. */
  wanted: string | null;
  readOnly: boolean;
  again: () => Promise<void>;
}

/** A comment and what was answered. A resolved one is a line until it is opened. */
export function CommentThread({ object, recordId, thread, wanted, readOnly, again }: ThreadProps) {
  const { first, replies } = thread;
  const isWanted = wanted !== null && [first, ...replies].some(({ commentId }) => commentId === wanted);
  const [isOpened, setOpened] = useState(false);
  const [isAnswering, setAnswering] = useState(false);
  const isResolved = first.resolvedAt !== null;
  const act = async (title: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (cause) {
      announceFailure(title, cause);
    }
    await again();
  };

  const isPrinting = usePrinting((state) => state.isPrinting);
  if (isResolved && !isOpened && !isWanted && !isPrinting)
    return (
      <button type="button" className={classes.resolved} onClick={() => setOpened(true)} aria-expanded={false}>
        <IconCheck size={14} aria-hidden />
        <span className={classes.resolvedText}>
          {t('{resolvedByName} resolved what {authorName} began', {
            resolvedByName: first.resolvedByName ?? t('Somebody'),
            authorName: first.authorName ?? t('somebody'),
          })}
        </span>
        <span>{t('{count, plural, one {Show} other {Show #}}', { count: replies.length + 1 })}</span>
      </button>
    );
  return (
    <article
      className={classes.thread}
      aria-label={t('Comment of {authorName}', { authorName: first.authorName ?? t('somebody') })}
    >
      {[first, ...replies].map((comment) => (
        <Said
          key={comment.commentId}
          object={object}
          recordId={recordId}
          comment={comment}
          isWanted={comment.commentId === wanted}
          readOnly={readOnly}
          act={act}
          again={again}
        />
      ))}
      {readOnly ? null : isAnswering ? (
        <div className={classes.reply}>
          <Composer
            object={object}
            recordId={recordId}
            label={t('Write a reply')}
            action={t('Reply')}
            draft={first.commentId}
            autoFocus
            onCancel={() => setAnswering(false)}
            onSend={async (body) => {
              const said = await addComment(object, recordId, body, first.commentId);
              setAnswering(false);
              await again();
              return said;
            }}
          />
        </div>
      ) : (
        <div className={classes.threadActions}>
          <button type="button" className={classes.action} onClick={() => setAnswering(true)}>
            {t('Reply')}
          </button>
          <button
            type="button"
            className={classes.action}
            onClick={() => {
              setOpened(false);
              void act(isResolved ? t('The thread stays resolved') : t('The thread stays open'), () =>
                resolveComment(first.commentId, !isResolved),
              );
            }}
          >
            {isResolved ? t('Open again') : t('Resolve')}
          </button>
          {isResolved ? (
            <button type="button" className={classes.action} onClick={() => setOpened(false)}>
              {t('Hide')}
            </button>
          ) : null}
        </div>
      )}
    </article>
  );
}

interface SaidProps {
  object: ModelObject;
  recordId: string;
  comment: Comment;
  isWanted: boolean;
  readOnly: boolean;
  act: (title: string, work: () => Promise<unknown>) => Promise<void>;
  again: () => Promise<void>;
}

function Said({ object, recordId, comment, isWanted, readOnly, act, again }: SaidProps) {
  const [isEditing, setEditing] = useState(false);
  const here = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isWanted) here.current?.scrollIntoView({ block: 'center' });
  }, [isWanted]);
  const { commentId: id } = comment;
  const author = comment.authorName ?? (comment.authorType === 'psql' ? t('Someone in psql') : t('The system'));
  const remove = async () => {
    await act(t('The comment was not removed'), async () => {
      await removeComment(id);
      offerToTakeBack(t('Comment removed'), () =>
        act(t('The comment was not brought back'), () => bringBackComment(id)),
      );
    });
  };
  return (
    <div
      ref={here}
      id={`comment-${id}`}
      className={classes.said}
      data-reply={comment.parentId !== null || undefined}
      data-wanted={isWanted || undefined}
    >
      <Avatar label={comment.isRemoved ? '–' : author} seed={comment.authorId ?? author} size={24} round />
      <div className={classes.content}>
        <div className={classes.head}>
          <b>{author}</b>
          <time dateTime={comment.createdAt} title={formatInstant(comment.createdAt)}>
            {formatRelative(comment.createdAt)}
          </time>
          {comment.editedAt ? <span title={formatInstant(comment.editedAt)}>{t('edited')}</span> : null}
          {(comment.mayEdit || comment.mayRemove) && !readOnly && !isEditing ? (
            <Menu position="bottom-end">
              <Menu.Target>
                <Tooltip label={t('Edit or remove')}>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    size="sm"
                    className={classes.menu}
                    aria-label={t('Edit or remove the comment of {author}', { author })}
                  >
                    <IconDots size={15} />
                  </ActionIcon>
                </Tooltip>
              </Menu.Target>
              <Menu.Dropdown>
                {comment.mayEdit ? (
                  <Menu.Item leftSection={<IconPencil size={15} />} onClick={() => setEditing(true)}>
                    {t('Edit')}
                  </Menu.Item>
                ) : null}
                {comment.mayRemove ? (
                  <Menu.Item leftSection={<IconTrash size={15} />} onClick={() => void remove()}>
                    {t('Remove')}
                  </Menu.Item>
                ) : null}
              </Menu.Dropdown>
            </Menu>
          ) : null}
        </div>
        {isEditing ? (
          <Composer
            object={object}
            recordId={recordId}
            label={t('Edit the comment')}
            action={t('Save')}
            given={{ body: comment.body, names: comment.mentions }}
            autoFocus
            onCancel={() => setEditing(false)}
            onSend={async (body) => {
              const said = await editComment(id, body);
              await again();
              setEditing(false);
              return said;
            }}
          />
        ) : comment.isRemoved ? (
          <p className={classes.removed}>{t('This comment was removed.')}</p>
        ) : (
          <CommentText body={comment.body} names={comment.mentions} />
        )}
      </div>
    </div>
  );
}
