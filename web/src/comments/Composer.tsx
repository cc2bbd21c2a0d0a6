import { Button, Textarea } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react';
import { flushSync } from 'react-dom';
import { COMMAND_KEY } from '../shortcuts/keys.ts';
import { Avatar } from '../fields/Avatar.tsx';
import type { ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { findMentionable, type Mentionable, type Said } from './comments.ts';
import classes from './comments.module.css';
import { addMention, mentionAt, toBody, toText, type Mention } from './mentions.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const PAUSE_MS = 120;
const LONGEST = 10_000;

interface ComposerProps {
  object: ModelObject;
  recordId: string;
  label: string;
  action: string;
  /** What is edited; none for something new. */
  given?: { body: string; names: { [id: string]: string } };
  /** Under which name an unsent text is kept while the page is open. */
  draft?: string;
  autoFocus?: boolean;
  onSend: (body: string) => Promise<Said>;
  onCancel?: () => void;
}

/** Texts that were begun and not sent, so that looking elsewhere loses none. */
const drafts = new Map<string, { text: string; mentions: Mention[] }>();

/** Where one writes: @ offers members, the command key with Enter sends. */
export function Composer({
  object,
  recordId,
  label,
  action,
  given,
  draft,
  autoFocus,
  onSend,
  onCancel,
}: ComposerProps) {
  const [{ text, mentions }, setWritten] = useState(() =>
    given
      ? toText(given.body, given.names)
      : ((draft === undefined ? undefined : drafts.get(draft)) ?? { text: '', mentions: [] }),
  );
  const [choice, setChoice] = useState<{ start: number; found: Mentionable[]; at: number } | null>(null);
  const [busy, setBusy] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const latest = useRef(0);
  const listId = useId();
  useEffect(() => () => clearTimeout(timer.current), []);

  const write = (next: { text: string; mentions: Mention[] }) => {
    setWritten(next);
    if (!draft) return;
    if (next.text === '') drafts.delete(draft);
    else drafts.set(draft, next);
  };
  const close = () => {
    latest.current++;
    clearTimeout(timer.current);
    setChoice(null);
  };
  const offer = (value: string, caret: number) => {
    const wanted = mentionAt(value, caret);
    if (!wanted) {
      close();
      return;
    }
    const mine = ++latest.current;
    clearTimeout(timer.current);
    timer.current = setTimeout(
      () =>
        findMentionable(object, recordId, wanted.query).then(
          (found) => {
            if (mine === latest.current) setChoice(found.length > 0 ? { start: wanted.start, found, at: 0 } : null);
          },
          (cause: unknown) => announceFailure(t('The members could not be read'), cause),
        ),
      wanted.query === '' ? 0 : PAUSE_MS,
    );
  };
  const choose = ({ memberId, name }: Mentionable) => {
    if (!choice || !area.current) return;
    const added = addMention(mentions, memberId, name);
    const caret = area.current.selectionStart;
    const before = `${text.slice(0, choice.start)}@${added.name} `;
    // At once, or what is typed meanwhile would stand elsewhere.
    flushSync(() => write({ text: before + text.slice(caret).replace(/^ /, ''), mentions: added.mentions }));
    close();
    area.current.focus();
    area.current.setSelectionRange(before.length, before.length);
  };
  const body = toBody(text, mentions).trim();
  const send = async () => {
    if (body === '' || busy) return;
    setBusy(true);
    try {
      const { notTold } = await onSend(body);
      write({ text: '', mentions: [] });
      if (notTold.length > 0)
        notifications.show({
          withBorder: true,
          message: t('Not told: {notTold} may not read this {labelSingular}.', {
            notTold: notTold.map(({ name }) => name).join(', '),
            labelSingular: inSentence(object.labelSingular),
          }),
          autoClose: 10_000,
          role: 'alert',
        });
    } catch (cause) {
      announceFailure(t('The comment was not saved'), cause);
    } finally {
      setBusy(false);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (choice) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const chosen = choice.found[choice.at];
      if (step) setChoice({ ...choice, at: (choice.at + step + choice.found.length) % choice.found.length });
      else if ((event.key === 'Enter' || event.key === 'Tab') && !event.metaKey && !event.ctrlKey && chosen)
        choose(chosen);
      else if (event.key === 'Escape') close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      void send();
    } else if (event.key === 'Escape' && onCancel) {
      event.stopPropagation();
      onCancel();
    }
  };

  return (
    <form
      className={classes.composer}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Textarea
        ref={area}
        aria-label={label}
        placeholder={t('{label}. @ mentions a member.', { label })}
        autosize
        minRows={1}
        maxRows={14}
        maxLength={LONGEST}
        autoFocus={autoFocus ?? false}
        value={text}
        aria-autocomplete="list"
        aria-controls={choice ? listId : undefined}
        aria-activedescendant={choice ? `${listId}-${choice.at}` : undefined}
        onChange={(event) => {
          write({ text: event.currentTarget.value, mentions });
          offer(event.currentTarget.value, event.currentTarget.selectionStart);
        }}
        onKeyDown={onKeyDown}
        onBlur={close}
      />
      {choice ? (
        <ul id={listId} role="listbox" aria-label={t('Members')} className={classes.choices}>
          {choice.found.map((member, i) => (
            <li
              key={member.memberId}
              id={`${listId}-${i}`}
              role="option"
              aria-selected={i === choice.at}
              className={classes.choice}
              // The text keeps the focus.
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => choose(member)}
            >
              <Avatar label={member.name} seed={member.memberId} size={20} round />
              <span>{member.name}</span>
              {member.canRead ? null : <span className={classes.blind}>{t('may not read this')}</span>}
            </li>
          ))}
        </ul>
      ) : null}
      {text !== '' || onCancel ? (
        <div className={classes.send}>
          <span className={classes.hint}>
            <kbd>{COMMAND_KEY}</kbd> <kbd>Enter</kbd>
          </span>
          {onCancel ? (
            <Button size="compact-sm" variant="subtle" color="gray" onClick={onCancel}>
              {t('Cancel')}
            </Button>
          ) : null}
          <Button type="submit" size="compact-sm" loading={busy} disabled={body === ''}>
            {action}
          </Button>
        </div>
      ) : null}
    </form>
  );
}
