import { Button } from '@mantine/core';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { t } from '../language/t.ts';
import { Keys } from './Keys.tsx';
import { keysOf, type ShortcutId } from './keys.ts';
import { conflictOf, isTaken, type OwnKeys } from './ownKeys.ts';
import classes from './ShortcutHelp.module.css';

interface ChangeKeysProps {
  id: ShortcutId;
  text: string;
  own: OwnKeys;
  textOf: (id: ShortcutId) => string;
  /** Takes keys, and from another shortcut if that has them. */
  onChange: (keys: string, from: ShortcutId | null) => void;
  onClose: () => void;
}

/** A second key that comes sooner belongs to the first. */
const WAIT_MS = 900;
const isModifier = (key: string): boolean => /^(Shift|Control|Alt|AltGraph|Meta|CapsLock|Fn)$/.test(key);

/** Listens for the new keys of a shortcut. */
export function ChangeKeys({ id, text, own, textOf, onChange, onClose }: ChangeKeysProps) {
  const [keys, setKeys] = useState('');
  const [isDone, setDone] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus({ preventScroll: true }), []);
  const strokes = keys.split(' ').filter(Boolean);
  const conflict = isDone ? conflictOf(id, keys, own) : undefined;
  const wrong = strokes.some(isTaken);

  const press = useEffectEvent((event: KeyboardEvent) => {
    if (isModifier(event.key) || event.isComposing) return;
    const target = event.target as Element | null;
    // Once keys are told, the buttons are what one presses.
    if (isDone && (event.key === 'Enter' || event.key === ' ' || event.key === 'Tab') && target?.closest('button'))
      return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === 'Escape') return onClose();
    const stroke = keysOf(event);
    const isSecond = !isDone && strokes.length === 1 && !wrong && !keys.includes('+') && !stroke.includes('+');
    setKeys(isSecond ? `${keys} ${stroke}` : stroke);
    setDone(false);
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => press(event);
    // Before the window, which closes at Escape, and before the shortcuts themselves.
    window.addEventListener('keydown', listen, true);
    return () => window.removeEventListener('keydown', listen, true);
  }, []);
  const finish = useEffectEvent(() => {
    setDone(true);
    if (!wrong && !conflictOf(id, keys, own)) onChange(keys, null);
  });
  const count = strokes.length;
  useEffect(() => {
    if (keys === '') return undefined;
    const timer = setTimeout(() => finish(), count > 1 ? 0 : WAIT_MS);
    return () => clearTimeout(timer);
  }, [keys, count]);

  return (
    <div
      // What was pressed to come here is gone: the focus is here.
      ref={box}
      tabIndex={-1}
      // The window around it closes at Escape unless what has the focus says so.
      data-mantine-stop-propagation="true"
      className={classes.change}
      role="group"
      aria-label={t('New keys for {text}', { text })}
    >
      <span role="status">
        {keys === '' ? t('Press the new keys, or Esc') : <Keys keys={keys} />}
        {isDone && wrong ? <em>{t('These keys have a meaning of their own everywhere.')}</em> : null}
        {conflict && !wrong ? <em>{t('They belong to “{other}”.', { other: textOf(conflict) })}</em> : null}
      </span>
      {conflict && !wrong ? (
        <Button
          size="compact-xs"
          autoFocus
          data-mantine-stop-propagation="true"
          onClick={() => onChange(keys, conflict)}
        >
          {t('Take them')}
        </Button>
      ) : null}
      <Button size="compact-xs" variant="default" data-mantine-stop-propagation="true" onClick={onClose}>
        {t('Cancel')}
      </Button>
    </div>
  );
}
