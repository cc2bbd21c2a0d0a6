import { useEffect, useRef, useState, type FocusEvent, type KeyboardEvent } from 'react';
import type { Move } from '../grid/types.ts';
import { CURRENCIES } from '../model/money.ts';
import { editText, parseColor, parseValue } from '../model/parse.ts';
import type { FieldType, ModelField } from '../model/types.ts';
import { isParts, sameValue } from '../model/values.ts';
import { EditorNote } from './EditorNote.tsx';
import { noteId } from './noteId.ts';
import type { FieldEditorProps } from './editorProps.ts';
import classes from './fields.module.css';
import { t } from '../language/t.ts';

const PLACEHOLDERS: { [type in FieldType]?: string } = {
  PERCENT: '25%',
  DURATION: '1h 30m',
  LOCATION: '48.137, 11.575',
  COLOR: '#1c8a6b',
};
const HINTS: { [type in FieldType]?: string } = {
  DURATION: t('As in 1h 30m, 90m or 1:30.'),
  LOCATION: t('Latitude, longitude.'),
};
const MODES: { [type in FieldType]?: 'decimal' } = {
  NUMBER: 'decimal',
  NUMERIC: 'decimal',
  CURRENCY: 'decimal',
  PERCENT: 'decimal',
};

const isMultiline = (field: ModelField): boolean =>
  field.type === 'RICH_TEXT' ||
  field.type === 'RAW_JSON' ||
  (field.type === 'TEXT' && (field.settings?.displayedMaxRows ?? 1) > 1);

/** Enter keeps the edit and goes down, Tab keeps it and goes on, Escape drops it, leaving keeps it. */
export function TextEditor({ field, value, typed, problem, onSave, onUnread, onDrop, done }: FieldEditorProps) {
  const multiline = isMultiline(field);
  const [text, setText] = useState(typed ?? editText(field, value));
  const [code, setCode] = useState(
    isParts(value) && typeof value['currencyCode'] === 'string' && value['currencyCode']
      ? value['currencyCode']
      : 'USD',
  );
  const [reason, setReason] = useState<string | null>(problem ?? null);
  const input = useRef<HTMLInputElement & HTMLTextAreaElement>(null);
  const closed = useRef(false);

  useEffect(() => {
    const element = input.current;
    element?.focus({ preventScroll: true });
    if (typed === null) element?.select();
    else element?.setSelectionRange(element.value.length, element.value.length);
  }, [typed]);

  const finish = (move: Move, keep: boolean, leaving = false) => {
    if (closed.current) return;
    if (!keep) onDrop?.();
    else {
      const base = field.type === 'CURRENCY' ? { ...(isParts(value) ? value : {}), currencyCode: code } : value;
      const parsed = parseValue(field, text, base);
      if ('reason' in parsed) {
        if (!leaving) {
          setReason(parsed.reason);
          return;
        }
        onUnread?.(text, parsed.reason);
      } else if (problem || !sameValue(parsed.value, value)) onSave(parsed.value);
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
    'aria-describedby': noteId(field),
    onChange: (event: { currentTarget: { value: string } }) => {
      setText(event.currentTarget.value);
      setReason(null);
    },
  };
  const color = field.type === 'COLOR' ? parseColor(text) : null;
  const paired = field.type === 'CURRENCY' || field.type === 'COLOR';
  return (
    <div onKeyDown={onKeyDown} onBlur={onBlur} className={paired ? classes.pair : undefined}>
      {color ? (
        <input
          type="color"
          className={classes.colorInput}
          aria-label={t('{label}: choose', { label: field.label })}
          value={'value' in color ? String(color.value) : '#888888'}
          onChange={(event) => {
            setText(event.currentTarget.value);
            setReason(null);
          }}
        />
      ) : null}
      {multiline ? (
        <textarea
          {...shared}
          className={`${classes.input} ${classes.area}`}
          data-mono={field.type === 'RAW_JSON' || undefined}
          rows={Math.min(14, Math.max(4, text.split('\n').length + 1))}
        />
      ) : (
        <input
          {...shared}
          className={classes.input}
          inputMode={MODES[field.type]}
          placeholder={PLACEHOLDERS[field.type]}
          autoComplete="off"
          spellCheck={field.type === 'TEXT'}
        />
      )}
      {field.type === 'CURRENCY' ? (
        <select
          className={classes.code}
          value={code}
          aria-label={t('{label}: currency', { label: field.label })}
          onChange={(event) => setCode(event.currentTarget.value)}
        >
          {(CURRENCIES.includes(code) ? CURRENCIES : [code, ...CURRENCIES]).map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      ) : null}
      <EditorNote field={field} reason={reason} hint={HINTS[field.type]} />
    </div>
  );
}
