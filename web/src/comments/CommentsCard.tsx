import { useRouterState } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import type { ModelObject } from '../model/types.ts';
import unread from '../records/ReadFailure.module.css';
import record from '../records/RecordView.module.css';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { useSession } from '../session/session.ts';
import { CommentThread } from './CommentThread.tsx';
import { addComment, askThreads, THREADS_A_PAGE, type Thread } from './comments.ts';
import classes from './comments.module.css';
import { Composer } from './Composer.tsx';
import { t } from '../language/t.ts';

/** What people say about a record. */
export function CommentsCard({ object, id }: { object: ModelObject; id: string }) {
  const [threads, setThreads] = useState<Thread[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [pages, setPages] = useState(1);
  const [hasMore, setHasMore] = useState(false);
  const isLooking = useSession((state) => Boolean(state.identity?.seeing));
  const latest = useRef(0);

  const read = useCallback(async () => {
    const mine = ++latest.current;
    try {
      const found: Thread[] = [];
      let isFull = true;
      for (let page = 0; page < pages && isFull; page++) {
        const more = await askThreads(object, id, THREADS_A_PAGE, found[0]?.first.commentId ?? null);
        found.unshift(...more);
        isFull = more.length === THREADS_A_PAGE;
      }
      if (mine !== latest.current) return;
      setThreads(found);
      setHasMore(isFull);
      setFailure(null);
    } catch (cause) {
      if (mine === latest.current) setFailure(toFailure(cause));
    }
  }, [object, id, pages]);
  useEffect(() => void read(), [read]);
  useLiveObjects([object.id], (changes) => {
    if (changes.length === 0 || changes.some(({ recordId }) => recordId === null || recordId === id)) void read();
  });
  const wanted = useRouterState({
    select: (state) => /^comment-([0-9a-f-]{36})$/.exec(state.location.hash)?.[1] ?? null,
  });

  const count = (threads ?? []).reduce(
    (sum, { first, replies }) => sum + replies.length + (first.isRemoved ? 0 : 1),
    0,
  );
  return (
    <section className={record.block} aria-label={t('Comments')} data-empty={threads?.length === 0 || undefined}>
      <div className={record.blockHead}>
        <h2 className={record.blockTitle}>{t('Comments')}</h2>
        {count > 0 ? <span className={record.count}>{hasMore ? `${count}+` : count}</span> : null}
      </div>
      {failure ? (
        <div className={unread.readFailure} role="alert">
          <span>{t('The comments could not be read: {message}', { message: failure.message })}</span>
          <button type="button" className={classes.action} onClick={() => void read()}>
            {t('Try again')}
          </button>
        </div>
      ) : null}
      {hasMore ? (
        <button type="button" className={classes.action} onClick={() => setPages(pages + 1)}>
          {t('Show earlier ones')}
        </button>
      ) : null}
      {threads?.map((thread) => (
        <CommentThread
          key={thread.first.commentId}
          object={object}
          recordId={id}
          thread={thread}
          wanted={wanted}
          readOnly={isLooking}
          again={read}
        />
      ))}
      {threads?.length === 0 && isLooking ? <p className={record.quiet}>{t('Nobody has said anything yet.')}</p> : null}
      {isLooking ? null : (
        <Composer
          object={object}
          recordId={id}
          label={t('Write a comment')}
          action={t('Comment')}
          draft={id}
          onSend={async (body) => {
            const said = await addComment(object, id, body, null);
            await read();
            return said;
          }}
        />
      )}
    </section>
  );
}
