import { ActionIcon } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState, type FocusEvent, type KeyboardEvent } from 'react';
import type { Move } from '../grid/types.ts';
import { listTexts, parseEmails, parseLinks, parsePhones, type Parsed } from '../model/parse.ts';
import { allLinks } from '../model/text.ts';
import type { ModelField } from '../model/types.ts';
import { sameValue, type FieldValue } from '../model/values.ts';
import { EditorNote } from './EditorNote.tsx';
import { noteId } from './noteId.ts';
import type { FieldEditorProps } from './editorProps.ts';
import classes from './fields.module.css';
import { t } from '../language/t.ts';

interface Item {
  key: number;
  text: string;
  /** What a link is called; unused by the others. */
  label: string;
}

const NOUNS: { [type: string]: string } = {
  EMAILS: 'e-mail',
  PHONES: t('phone number'),
  LINKS: 'link',
  ARRAY: 'value',
};
const MODES: { [type: string]: 'email' | 'tel' | 'url' } = { EMAILS: 'email', PHONES: 'tel', LINKS: 'url' };

function startItems(field: ModelField, value: FieldValue, typed: string | null): Item[] {
  const items =
    field.type === 'LINKS'
      ? allLinks(value).map(({ url, label }, key) => ({ key, text: url, label }))
      : listTexts(field, value).map((text, key) => ({ key, text, label: '' }));
  if (items.length === 0) return [{ key: 0, text: typed ?? '', label: '' }];
  return typed === null ? items : items.map((item, index) => (index === 0 ? { ...item, text: typed } : item));
}

function read(field: ModelField, items: Item[], current: FieldValue): Parsed {
  const filled = items.filter(({ text }) => text.trim() !== '');
  const all = filled.map(({ text }) => text.trim());
  if (field.type === 'EMAILS') return parseEmails(field, all);
  if (field.type === 'PHONES') return parsePhones(field, all, current);
  if (field.type === 'LINKS')
    return parseLinks(
      field,
      filled.map(({ text, label }) => ({ url: text, label })),
    );
  return { value: all.length > 0 ? all : null };
}

/** A value of several: e-mails, phone numbers, links or texts, each in a line of its own; the first is the primary one. */
export function ListEditor({ field, value, typed, problem, onSave, onUnread, onDrop, done }: FieldEditorProps) {
  const [items, setItems] = useState(() => startItems(field, value, typed));
  const [reason, setReason] = useState<string | null>(problem ?? null);
  const box = useRef<HTMLDivElement>(null);
  const closed = useRef(false);
  const focusNext = useRef<number | null>(items[0]?.key ?? null);
  const noun = NOUNS[field.type] ?? 'value';
  const most = field.settings?.maxNumberOfValues ?? Infinity;
  const isLinks = field.type === 'LINKS';

  useEffect(() => {
    if (focusNext.current === null) return;
    const input = box.current?.querySelector<HTMLInputElement>(`[data-item="${focusNext.current}"]`);
    focusNext.current = null;
    input?.focus({ preventScroll: true });
    if (typed === null) input?.select();
  }, [items, typed]);

  const finish = (move: Move, keep: boolean, leaving = false) => {
    if (closed.current) return;
    if (!keep) onDrop?.();
    else {
      const parsed = read(field, items, value);
      if ('reason' in parsed) {
        if (!leaving) {
          setReason(parsed.reason);
          return;
        }
        onUnread?.(items.map(({ text }) => text).join(', '), parsed.reason);
      } else if (problem || !sameValue(parsed.value, value)) onSave(parsed.value);
    }
    closed.current = true;
    done(move);
  };

  const change = (key: number, part: Partial<Item>) => {
    setItems(items.map((item) => (item.key === key ? { ...item, ...part } : item)));
    setReason(null);
  };
  const add = () => {
    const key = Math.max(-1, ...items.map((item) => item.key)) + 1;
    focusNext.current = key;
    setItems([...items, { key, text: '', label: '' }]);
  };
  const remove = (key: number) => {
    const left = items.filter((item) => item.key !== key);
    focusNext.current = left.at(-1)?.key ?? key;
    setItems(left.length > 0 ? left : [{ key, text: '', label: '' }]);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    event.stopPropagation();
    if (event.nativeEvent.isComposing) return;
    const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('input, button')];
    const at = stops.indexOf(event.target as HTMLElement);
    const isButton = event.target instanceof HTMLButtonElement;
    const more = (event.ctrlKey || event.metaKey) && event.key === 'Enter';
    if (more && items.length < most) add();
    else if (event.key === 'Enter' && !isButton) finish(event.shiftKey ? 'up' : 'down', true);
    else if (event.key === 'Escape') finish('stay', false);
    else if (event.key === 'Tab' && !event.shiftKey && at === stops.length - 1) finish('right', true);
    else if (event.key === 'Tab' && event.shiftKey && at === 0) finish('left', true);
    else return;
    event.preventDefault();
  };

  const onBlur = (event: FocusEvent<HTMLElement>) => {
    const next = event.relatedTarget as Node | null;
    // A line that is removed takes the focus with it; the next one is about to have it.
    if (focusNext.current !== null || event.currentTarget.contains(next)) return;
    finish('stay', true, true);
  };

  return (
    <div
      ref={box}
      onKeyDown={onKeyDown}
      onBlur={onBlur}
      className={classes.stack}
      data-wide={isLinks || undefined}
      role="group"
      aria-label={field.label}
    >
      {items.map((item, index) => {
        const which = index === 0 ? field.label : `${field.label} ${index + 1}`;
        return (
          <div key={item.key} className={classes.listItem}>
            <input
              data-mantine-stop-propagation="true"
              className={classes.input}
              data-item={item.key}
              value={item.text}
              inputMode={MODES[field.type]}
              placeholder={isLinks ? 'https://…' : undefined}
              aria-label={which}
              aria-invalid={reason !== null}
              aria-describedby={noteId(field)}
              autoComplete="off"
              spellCheck={field.type === 'ARRAY'}
              onChange={(event) => change(item.key, { text: event.currentTarget.value })}
            />
            {isLinks ? (
              <input
                data-mantine-stop-propagation="true"
                className={classes.input}
                value={item.label}
                placeholder={t('Shown as')}
                aria-label={t('{which}: shown as', { which })}
                autoComplete="off"
                onChange={(event) => change(item.key, { label: event.currentTarget.value })}
              />
            ) : null}
            {items.length > 1 ? (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label={t('Remove {text}', { text: item.text || t('this {noun}', { noun }) })}
                onMouseDown={(event) => event.preventDefault()}
                onClick={() => remove(item.key)}
              >
                <IconX size={13} />
              </ActionIcon>
            ) : null}
          </div>
        );
      })}
      {items.length < most ? (
        <button type="button" className={classes.addItem} onMouseDown={(event) => event.preventDefault()} onClick={add}>
          <IconPlus size={13} aria-hidden />{' '}
          {/^[aeiou]/.test(noun) ? t('Add an {noun}', { noun }) : t('Add a {noun}', { noun })}
        </button>
      ) : null}
      <EditorNote field={field} reason={reason} />
    </div>
  );
}
