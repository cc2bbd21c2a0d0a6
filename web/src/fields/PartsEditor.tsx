import { useEffect, useRef, useState, type FocusEvent, type KeyboardEvent } from 'react';
import type { Move } from '../grid/types.ts';
import { parseLocation } from '../model/parse.ts';
import { addressParts, coordinatesText } from '../model/text.ts';
import type { ModelField } from '../model/types.ts';
import { isParts, sameValue, type Parts } from '../model/values.ts';
import { EditorNote } from './EditorNote.tsx';
import { noteId } from './noteId.ts';
import type { FieldEditorProps } from './editorProps.ts';
import classes from './fields.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const PARTS: { [type: string]: [string, string][] } = {
  FULL_NAME: [
    ['firstName', t('First name')],
    ['lastName', t('Last name')],
  ],
  ADDRESS: [
    ['street1', t('Street')],
    ['street2', t('Second line')],
    ['postcode', t('Postcode')],
    ['city', t('City')],
    ['state', t('State')],
    ['country', t('Country')],
  ],
};

/** Where an address is on a map: two numbers in one input. */
const PLACE = 'place';

function partsOf(field: ModelField): [string, string][] {
  const parts = PARTS[field.type] ?? [];
  if (field.type !== 'ADDRESS') return parts;
  const shown = addressParts(field);
  return [...parts.filter(([part]) => shown.includes(part)), [PLACE, t('Latitude, longitude')]];
}

/** A value of several texts, each in its own input: a full name in one line, an address in a small form. */
export function PartsEditor({ field, value, typed, problem, onSave, onDrop, done }: FieldEditorProps) {
  const parts = partsOf(field);
  const start: Parts = isParts(value) ? value : {};
  const [texts, setTexts] = useState<{ [part: string]: string }>(() =>
    Object.fromEntries(
      parts.map(([part], index) => [
        part,
        typed !== null && index === 0 ? typed : part === PLACE ? coordinatesText(start) : String(start[part] ?? ''),
      ]),
    ),
  );
  const first = useRef<HTMLInputElement>(null);
  const closed = useRef(false);
  const [misplaced, setMisplaced] = useState<string | null>(null);
  useEffect(() => {
    first.current?.focus({ preventScroll: true });
    if (typed === null) first.current?.select();
  }, [typed]);

  const finish = (move: Move, keep: boolean) => {
    if (closed.current) return;
    const place = texts[PLACE]?.trim() ? parseLocation(texts[PLACE]) : { value: { lat: null, lng: null } };
    if (keep && 'reason' in place) return setMisplaced(place.reason);
    closed.current = true;
    if (!keep || 'reason' in place) onDrop?.();
    else {
      const next: Parts = { ...start, ...(PLACE in texts && isParts(place.value) ? place.value : {}) };
      for (const [part] of parts) if (part !== PLACE) next[part] = texts[part]?.trim() || null;
      const blank = Object.values(next).every((part) => part === null || part === '');
      const saved = blank ? null : next;
      if (problem || !sameValue(saved, value)) onSave(saved);
    }
    done(move);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    event.stopPropagation();
    const inputs = [...event.currentTarget.querySelectorAll('input')];
    const at = inputs.indexOf(event.target as HTMLInputElement);
    if (event.key === 'Enter') finish(event.shiftKey ? 'up' : 'down', true);
    else if (event.key === 'Escape') finish('stay', false);
    else if (event.key === 'Tab' && !event.shiftKey && at === inputs.length - 1) finish('right', true);
    else if (event.key === 'Tab' && event.shiftKey && at === 0) finish('left', true);
    else return;
    event.preventDefault();
  };

  const onBlur = (event: FocusEvent<HTMLElement>) => {
    if (!event.currentTarget.contains(event.relatedTarget as Node | null)) finish('stay', true);
  };

  return (
    <div
      onKeyDown={onKeyDown}
      onBlur={onBlur}
      className={field.type === 'FULL_NAME' ? classes.pair : classes.stack}
      role="group"
      aria-label={field.label}
    >
      {parts.map(([part, label], index) => (
        <input
          data-mantine-stop-propagation="true"
          key={part}
          ref={index === 0 ? first : undefined}
          className={classes.input}
          value={texts[part] ?? ''}
          placeholder={label}
          aria-label={`${field.label}: ${inSentence(label)}`}
          aria-invalid={Boolean(problem)}
          aria-describedby={noteId(field)}
          autoComplete="off"
          onChange={(event) => {
            setMisplaced(null);
            setTexts({ ...texts, [part]: event.currentTarget.value });
          }}
        />
      ))}
      <EditorNote field={field} reason={misplaced ?? problem ?? null} />
    </div>
  );
}
