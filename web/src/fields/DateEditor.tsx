import { Popover } from '@mantine/core';
import { lazy, Suspense, useEffect, useRef, useState, type KeyboardEvent } from 'react';
import type { Move } from '../grid/types.ts';
import { joinInstant, parseDay, splitInstant } from '../model/dates.ts';
import { parseValue } from '../model/parse.ts';
import type { ModelField } from '../model/types.ts';
import { sameValue, type FieldValue } from '../model/values.ts';
import { EditorNote } from './EditorNote.tsx';
import { noteId } from './noteId.ts';
import type { FieldEditorProps } from './editorProps.ts';
import classes from './fields.module.css';

// The calendar weighs more than all editors together, and typing a day needs none.
const Calendar = lazy(() => import('./Calendar.tsx'));

function startText(field: ModelField, value: FieldValue): string {
  if (typeof value !== 'string') return '';
  if (field.type === 'DATE') return value.slice(0, 10);
  const { day, time } = splitInstant(value);
  return `${day} ${time}`;
}

/** Typed or picked. The calendar speaks in days as text, so no time zone ever touches a DATE. */
export function DateEditor({ field, value, typed, problem, onSave, onUnread, onDrop, done }: FieldEditorProps) {
  const withTime = field.type === 'DATE_TIME';
  const [text, setText] = useState(typed ?? startText(field, value));
  const [reason, setReason] = useState<string | null>(problem ?? null);
  const input = useRef<HTMLInputElement>(null);
  const closed = useRef(false);
  const day = parseDay(text.split(/[\s,T]+\d{1,2}(:|\s*[ap]m)/i)[0] ?? '');

  useEffect(() => {
    input.current?.focus({ preventScroll: true });
    if (typed === null) input.current?.select();
  }, [typed]);

  const finish = (move: Move, keep: boolean, source = text, leaving = false) => {
    if (closed.current) return;
    if (!keep) onDrop?.();
    else if (problem || source !== startText(field, value)) {
      const parsed = parseValue(field, source, value);
      if ('reason' in parsed) {
        if (!leaving) {
          setReason(parsed.reason);
          return;
        }
        onUnread?.(source, parsed.reason);
      } else if (problem || !sameValue(parsed.value, value)) onSave(parsed.value);
    }
    closed.current = true;
    done(move);
  };

  const pick = (picked: string | null) => {
    if (!picked) return;
    if (!withTime) {
      finish('stay', true, picked);
      return;
    }
    const time = typeof value === 'string' ? splitInstant(value).time : '09:00';
    if (joinInstant(picked, time)) setText(`${picked} ${time}`);
    input.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === 'Enter' && event.target === input.current) finish(event.shiftKey ? 'up' : 'down', true);
    else if (event.key === 'Tab' && event.target === input.current) finish(event.shiftKey ? 'left' : 'right', true);
    else if (event.key === 'Escape') finish('stay', false);
    else return;
    event.preventDefault();
  };

  return (
    <Popover
      opened
      position="bottom-start"
      offset={4}
      shadow="md"
      radius="md"
      transitionProps={{ duration: 0 }}
      returnFocus={false}
      closeOnEscape={false}
      onChange={(opened) => !opened && finish('stay', true, text, true)}
    >
      <div onKeyDown={onKeyDown}>
        <Popover.Target>
          <input
            role="combobox"
            ref={input}
            className={classes.input}
            style={{ minWidth: withTime ? 170 : 120 }}
            value={text}
            placeholder={withTime ? '2026-11-22 14:30' : '2026-11-22'}
            aria-label={field.label}
            aria-invalid={reason !== null}
            aria-describedby={noteId(field)}
            autoComplete="off"
            onChange={(event) => {
              setText(event.currentTarget.value);
              setReason(null);
            }}
          />
        </Popover.Target>
      </div>
      <Popover.Dropdown p="xs" onKeyDown={onKeyDown}>
        <div className={classes.inside}>
          <EditorNote field={field} reason={reason} />
        </div>
        <Suspense fallback={<div style={{ width: 210, height: 240 }} />}>
          <Calendar key={day ?? 'none'} day={day} onPick={pick} />
        </Suspense>
      </Popover.Dropdown>
    </Popover>
  );
}
