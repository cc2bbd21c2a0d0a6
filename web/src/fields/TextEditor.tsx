import { useEffect, useRef, useState, type FocusEvent, type KeyboardEvent } from 'react';
import type { Move } from '../grid/types.ts';
import { CURRENCIES } from '../model/money.ts';
import { editText, parseValue } from '../model/text.ts';
import type { ModelField } from '../model/types.ts';
import { isParts, sameValue, type FieldValue } from '../model/values.ts';
import classes from './fields.module.css';

interface TextEditorProps {
  field: ModelField;
  value: FieldValue;
  typed: string | null;
  multiline: boolean;
  onSave: (value: FieldValue) => void;
  done: (move: Move) => void;
}

/** Enter keeps the edit and goes down, Tab keeps it and goes on, Escape drops it, leaving keeps it if it can be read. */
export function TextEditor({ field, value, typed, multiline, onSave, done }: TextEditorProps) {
  const [text, setText] = useState(typed ?? editText(field, value));
  const [code, setCode] = useState(
    isParts(value) && typeof value['currencyCode'] === 'string' && value['currencyCode']
      ? value['currencyCode']
      : 'USD',
  );
  const [reason, setReason] = useState<string | null>(null);
  const input = useRef<HTMLInputElement & HTMLTextAreaElement>(null);
  const closed = useRef(false);

  useEffect(() => {
    const element = input.current;
    element?.focus({ preventScroll: true });
    if (typed === null) element?.select();
    else element?.setSelectionRange(element.value.length, element.value.length);
  }, [typed]);

  const finish = (move: Move, keep: boolean, force = false) => {
    if (closed.current) return;
    if (keep) {
      const base = field.type === 'CURRENCY' ? { ...(isParts(value) ? value : {}), currencyCode: code } : value;
      const parsed = parseValue(field, text, base);
      if ('reason' in parsed) {
        if (!force) {
          setReason(parsed.reason);
          return;
        }
      } else if (!sameValue(parsed.value, value)) onSave(parsed.value);
    }
    closed.current = true;
    done(move);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.nativeEvent.isComposing) return;
    const newline = multiline && event.key === 'Enter' && !event.metaKey && !event.ctrlKey;
    if (newline) return;
    if (event.key === 'Enter') finish(event.shiftKey ? 'up' : 'down', true);
    else if (event.key === 'Tab') finish(event.shiftKey ? 'left' : 'right', true);
    else if (event.key === 'Escape') finish('stay', false);
    else return;
    event.preventDefault();
  };

  const onBlur = (event: FocusEvent<HTMLElement>) => {
    if (!event.currentTarget.contains(event.relatedTarget as Node | null)) finish('stay', true, true);
  };

  const shared = {
    ref: input,
    value: text,
    'aria-label': field.label,
    'aria-invalid': reason !== null,
    onChange: (event: { currentTarget: { value: string } }) => {
      setText(event.currentTarget.value);
      setReason(null);
    },
  };
  const numeric = field.type === 'NUMBER' || field.type === 'NUMERIC' || field.type === 'CURRENCY';
  const mode = numeric
    ? 'decimal'
    : field.type === 'EMAILS'
      ? 'email'
      : field.type === 'PHONES'
        ? 'tel'
        : field.type === 'LINKS'
          ? 'url'
          : undefined;
  return (
    <div onKeyDown={onKeyDown} onBlur={onBlur} className={field.type === 'CURRENCY' ? classes.pair : undefined}>
      {multiline ? (
        <textarea
          {...shared}
          className={`${classes.input} ${classes.area}`}
          rows={Math.min(14, Math.max(4, text.split('\n').length + 1))}
        />
      ) : (
        <input
          {...shared}
          className={classes.input}
          inputMode={mode}
          autoComplete="off"
          spellCheck={field.type === 'TEXT'}
        />
      )}
      {field.type === 'CURRENCY' ? (
        <select
          className={classes.code}
          value={code}
          aria-label={`${field.label}: currency`}
          onChange={(event) => setCode(event.currentTarget.value)}
        >
          {(CURRENCIES.includes(code) ? CURRENCIES : [code, ...CURRENCIES]).map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      ) : null}
      {reason ? (
        <div className={classes.reason} role="alert">
          {reason}
        </div>
      ) : null}
    </div>
  );
}
