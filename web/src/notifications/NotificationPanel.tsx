import { ActionIcon, Button, Drawer, SegmentedControl, Select, Tooltip } from '@mantine/core';
import {
  IconArchive,
  IconArchiveOff,
  IconBell,
  IconChecks,
  IconMail,
  IconMailOpened,
  IconSettings,
} from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { Message } from '../app/Message.tsx';
import { usePhone } from '../app/phone.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { addDays, formatDay, formatInstant, formatRelative, localDay } from '../model/dates.ts';
import { objectById } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import { announceFailure, offerToTakeBack } from '../records/announce.tsx';
import { useInquiry } from '../settings/useInquiry.ts';
import classes from './notifications.module.css';
import {
  archiveNotifications,
  askNotifications,
  askSettings,
  grouped,
  markNotifications,
  subject,
  wording,
  type Notification,
  type Which,
} from './notifications.ts';
import { closeNotifications, useNotifications } from './notificationStore.ts';
import { t } from '../language/t.ts';

const EMPTY: { [which in Which]: { title: string; text: string } } = {
  ALL: {
    title: t('Nothing here yet'),
    text: t('When somebody mentions you, gives you a task or shares a record with you, you read it here.'),
  },
  UNREAD: { title: t('All read'), text: t('You have seen everything.') },
  ARCHIVED: { title: t('Nothing archived'), text: t('What you put away is kept here for 90 days.') },
};

interface Loaded {
  which: Which;
  kind: string | null;
  items: Notification[];
  next: string | null;
}

/** What happened that concerns the member, newest first; it grows while one looks at it. */
export default function NotificationPanel() {
  const [which, setWhich] = useState<Which>('ALL');
  const [kind, setKind] = useState<string | null>(null);
  const { answer: settings } = useInquiry('notification settings', askSettings);
  const round = useNotifications((state) => state.round);
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const phone = usePhone();
  const latest = useRef(0);

  const read = useCallback(async () => {
    const mine = ++latest.current;
    try {
      const page = await askNotifications(which, kind, null);
      if (mine !== latest.current) return;
      setLoaded({ which, kind, ...page });
      setFailure(null);
    } catch (cause) {
      if (mine === latest.current) setFailure(toFailure(cause));
    }
  }, [which, kind]);
  useEffect(() => void read(), [read, round]);

  const more = async () => {
    if (!loaded?.next) return;
    try {
      const page = await askNotifications(which, kind, loaded.next);
      setLoaded({ which, kind, items: [...loaded.items, ...page.items], next: page.next });
    } catch (cause) {
      announceFailure(t('The earlier ones could not be read'), cause);
    }
  };
  const shown = loaded?.which === which && loaded.kind === kind ? loaded : null;

  return (
    <Drawer
      opened
      onClose={closeNotifications}
      position="right"
      size={phone ? '100%' : 440}
      title={t('Notifications')}
      closeButtonProps={{ 'aria-label': t('Close') }}
      transitionProps={{ duration: 140 }}
      styles={{ body: { padding: 0 } }}
    >
      <div className={classes.tools}>
        <SegmentedControl
          size="xs"
          value={which}
          onChange={(value) => setWhich(value as Which)}
          data={[
            { value: 'ALL', label: t('All') },
            { value: 'UNREAD', label: t('Unread') },
            { value: 'ARCHIVED', label: t('Archived') },
          ]}
          aria-label={t('Which notifications')}
        />
        <Select
          size="xs"
          className={classes.kind}
          placeholder={t('All kinds')}
          data={settings?.kinds.map((each) => ({ value: each.kind, label: each.label })) ?? []}
          value={kind}
          onChange={setKind}
          clearable
          comboboxProps={{ width: 240, position: 'bottom-start' }}
          aria-label={t('Kind of notification')}
        />
        <span className={classes.gap} />
        <Tooltip label={t('Mark all as read')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t('Mark all as read')}
            onClick={() => void act(t('They are still unread'), () => markNotifications(null, true))}
          >
            <IconChecks size={17} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={t('Archive what was read')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t('Archive what was read')}
            onClick={() => void act(t('Nothing was archived'), () => archiveNotifications(null, true))}
          >
            <IconArchive size={16} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={t('Which notifications you get')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t('Which notifications you get')}
            renderRoot={(props) => <Link to="/settings/notifications" {...props} onClick={closeNotifications} />}
          >
            <IconSettings size={16} />
          </ActionIcon>
        </Tooltip>
      </div>
      {failure ? (
        <Message
          tone="alert"
          title={t('The notifications could not be read')}
          actions={<Button onClick={() => void read()}>{t('Try again')}</Button>}
        >
          {failure.message}
        </Message>
      ) : shown && shown.items.length === 0 && !shown.next ? (
        <Message
          icon={<IconBell size={22} stroke={1.5} />}
          title={kind ? t('Nothing of this kind') : EMPTY[which].title}
          actions={kind ? <Button onClick={() => setKind(null)}>{t('Show all kinds')}</Button> : undefined}
        >
          {kind ? t('Other kinds may have something.') : EMPTY[which].text}
        </Message>
      ) : shown ? (
        <>
          <List items={shown.items} />
          {shown.next ? (
            <button type="button" className={classes.more} onClick={() => void more()}>
              {t('Show earlier ones')}
            </button>
          ) : null}
        </>
      ) : (
        <p className={classes.loading} role="status">
          {t('Reading…')}
        </p>
      )}
    </Drawer>
  );
}

async function act(title: string, work: () => Promise<unknown>): Promise<void> {
  try {
    // The list is read again when the server says that something has changed, here as in other pages.
    await work();
  } catch (cause) {
    announceFailure(title, cause);
  }
}

function dayLabel(day: string): string {
  const today = localDay(new Date());
  return day === today ? t('Today') : day === addDays(today, -1) ? t('Yesterday') : formatDay(day);
}

/** Arrows go from one to the next, Enter opens, E archives, U changes between read and unread. */
function List({ items }: { items: Notification[] }) {
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (!step || event.metaKey || event.ctrlKey || event.altKey) return;
    const links = [...(list.current?.querySelectorAll<HTMLElement>('[data-entry]') ?? [])];
    const here = links.findIndex((each) => each.closest('li')?.contains(document.activeElement));
    links[Math.min(Math.max(here + step, 0), links.length - 1)]?.focus();
    event.preventDefault();
  };
  return (
    <div ref={list} onKeyDown={onKeyDown}>
      {grouped(items, (instant) => localDay(new Date(instant))).map(({ day, groups }) => (
        <section key={day} aria-label={dayLabel(day)}>
          <h3 className={classes.day}>{dayLabel(day)}</h3>
          <ul className={classes.list}>
            {groups.map((group) => (
              <Entry key={group.key} items={group.items} />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

function Entry({ items }: { items: Notification[] }) {
  const model = useModel();
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const [first, ...rest] = items;
  if (!first) return null;
  const ids = items.map(({ id }) => id);
  const isUnread = items.some(({ readAt }) => readAt === null);
  const isArchived = first.archivedAt !== null;
  const object = first.objectId ? objectById(model, first.objectId) : undefined;
  const goTo = ({ kind, objectNamePlural, recordId, commentId, detail }: Notification) => {
    if (isUnread) void act(t('It is still unread'), () => markNotifications(ids, true));
    if (kind === 'EXPORT_FAILED') {
      closeNotifications();
      void navigate({ to: '/settings/exports', search: { export: String(detail['exportId']) } });
    }
    if (kind === 'WEBHOOK_DISABLED') {
      closeNotifications();
      void navigate({ to: '/settings/webhooks' });
    }
    if (!objectNamePlural) return;
    closeNotifications();
    if (recordId)
      void navigate({
        to: '/objects/$namePlural/$id',
        params: { namePlural: objectNamePlural, id: recordId },
        ...(commentId ? { search: { tab: 'comments' }, hash: `comment-${commentId}` } : {}),
      });
    else if (kind === 'IMPORT_FINISHED' && typeof detail['importId'] === 'string')
      void navigate({
        to: '/objects/$namePlural/import',
        params: { namePlural: objectNamePlural },
        search: { id: detail['importId'] },
      });
    else void navigate({ to: '/objects/$namePlural', params: { namePlural: objectNamePlural } });
  };
  const mark = () => act(t('It stays as it is'), () => markNotifications(ids, isUnread));
  const archive = async () => {
    await act(t('It was not archived'), () => archiveNotifications(ids, !isArchived));
    if (!isArchived)
      offerToTakeBack(t('Archived'), async () => {
        await act(t('It stays archived'), () => archiveNotifications(ids, false));
      });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === 'e') void archive();
    else if (event.key === 'u') void mark();
  };
  return (
    <li className={classes.entry} data-unread={isUnread || undefined} onKeyDown={onKeyDown}>
      {first.actorName ? (
        <Avatar label={first.actorName} seed={first.actorId ?? first.actorName} size={26} round />
      ) : (
        <span className={classes.mark}>
          {object ? (
            <ObjectIcon name={object.icon} color={object.color} size={18} />
          ) : (
            <IconBell size={17} aria-hidden />
          )}
        </span>
      )}
      <div className={classes.text}>
        <button type="button" data-entry className={classes.open} onClick={() => goTo(first)}>
          <Sentence notification={first} />
        </button>
        {first.excerpt ? <p className={classes.excerpt}>{first.excerpt}</p> : null}
        <div className={classes.foot}>
          <time dateTime={first.createdAt} title={formatInstant(first.createdAt)}>
            {formatRelative(first.createdAt)}
          </time>
          {isUnread ? <span className={classes.unread}>{t('Unread')}</span> : null}
          {rest.length > 0 ? (
            <button type="button" className={classes.rest} onClick={() => setOpen(!open)} aria-expanded={open}>
              {open ? t('Fewer') : t('{count} more', { count: rest.length })}
            </button>
          ) : null}
        </div>
        {open ? (
          <ul className={classes.others}>
            {rest.map((other) => (
              <li key={other.id}>
                <button type="button" className={classes.open} onClick={() => goTo(other)}>
                  <Sentence notification={other} />
                </button>
                {other.excerpt ? <p className={classes.excerpt}>{other.excerpt}</p> : null}
              </li>
            ))}
          </ul>
        ) : null}
      </div>
      <div className={classes.actions}>
        <Tooltip label={isUnread ? t('Mark as read (U)') : t('Mark as unread (U)')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={isUnread ? t('Mark as read') : t('Mark as unread')}
            onClick={() => void mark()}
          >
            {isUnread ? <IconMailOpened size={15} /> : <IconMail size={15} />}
          </ActionIcon>
        </Tooltip>
        <Tooltip label={isArchived ? t('Take out of the archive (E)') : t('Archive (E)')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={isArchived ? t('Take out of the archive') : t('Archive')}
            onClick={() => void archive()}
          >
            {isArchived ? <IconArchiveOff size={15} /> : <IconArchive size={15} />}
          </ActionIcon>
        </Tooltip>
      </div>
    </li>
  );
}

function Sentence({ notification }: { notification: Notification }) {
  const { before, after } = wording(notification);
  const what = subject(notification);
  return (
    <>
      {before} {what ? <b>{what}</b> : null} {after}
    </>
  );
}
