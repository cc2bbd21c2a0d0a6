import { Input, Skeleton } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconCircleCheck, IconExclamationCircle } from '@tabler/icons-react';
import { useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { checkFormula, type FormulaCheck, type FormulaContext } from '../model/inquiries.ts';
import { useWholeModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import classes from './formula.module.css';
import { suggestionsAt, tokens, type Suggestion } from './formulaWords.ts';
import { SampleValue } from './SampleValue.tsx';
import { useInquiry } from './useInquiry.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface FormulaEditorProps {
  object: ModelObject;
  context: FormulaContext;
  label: string;
  description?: string;
  placeholder?: string;
  value: string;
  onChange: (text: string) => void;
  /** Told what the database makes of the text, or null while that is not known. */
  onChecked?: (check: FormulaCheck | null) => void;
}

const MOST_SUGGESTIONS = 60;

export function FormulaEditor(props: FormulaEditorProps) {
  const { object, context, label, description, placeholder, value, onChange, onChecked } = props;
  const model = useWholeModel();
  const id = useId();
  const input = useRef<HTMLTextAreaElement>(null);
  const paper = useRef<HTMLPreElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [caret, setCaret] = useState<number | null>(null);
  const [active, setActive] = useState(0);
  const nextCaret = useRef<number | null>(null);

  const [asked] = useDebouncedValue(value.trim(), 220);
  const inquiry = useInquiry(asked === '' ? null : `${object.id} ${context} ${asked}`, () =>
    checkFormula(object.id, asked, context),
  );
  const isCurrent = value.trim() !== '' && asked === value.trim() && !inquiry.busy;
  const check = isCurrent ? inquiry.answer : null;
  const tell = useRef(onChecked);
  useLayoutEffect(() => {
    tell.current = onChecked;
  });
  useEffect(() => tell.current?.(check), [check]);

  const spot = caret === null ? null : suggestionsAt(model, object, context, value, caret);
  const shown = spot?.suggestions.slice(0, MOST_SUGGESTIONS) ?? [];
  const opened = caret !== null && shown.length > 0;

  useLayoutEffect(() => {
    if (nextCaret.current === null) return;
    input.current?.setSelectionRange(nextCaret.current, nextCaret.current);
    setCaret(nextCaret.current);
    nextCaret.current = null;
  }, [value]);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  const take = (suggestion: Suggestion) => {
    if (!spot || caret === null) return;
    onChange(value.slice(0, spot.from) + suggestion.value + value.slice(caret));
    nextCaret.current = spot.from + suggestion.value.length;
    setActive(0);
    input.current?.focus();
  };
  const follow = () => {
    setCaret(input.current?.selectionStart ?? null);
    setActive(0);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!opened) {
      if (event.key === ' ' && event.ctrlKey) follow();
      return;
    }
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (by !== 0) setActive((active + by + shown.length) % shown.length);
    else if ((event.key === 'Enter' || event.key === 'Tab') && shown[active]) take(shown[active]);
    else if (event.key === 'Escape') setCaret(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const wrong = check?.error ?? null;
  const wrongAt = wrong?.position ? wrong.position - 1 : null;
  return (
    <Input.Wrapper label={label} description={description} id={id}>
      <div className={classes.editor} data-wrong={wrong ? true : undefined}>
        <pre ref={paper} className={classes.paper} aria-hidden>
          {tokens(value).map((token) => (
            <span
              key={token.at}
              data-kind={token.kind}
              data-wrong={
                (wrongAt !== null && token.at <= wrongAt && wrongAt < token.at + token.value.length) || undefined
              }
            >
              {token.value}
            </span>
          ))}
          {'\n'}
        </pre>
        <textarea
          ref={input}
          id={id}
          className={classes.input}
          value={value}
          rows={2}
          placeholder={placeholder}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          aria-haspopup="listbox"
          aria-controls={`${id}-list`}
          aria-activedescendant={opened ? `${id}-${active}` : undefined}
          aria-autocomplete="list"
          aria-invalid={wrong ? true : undefined}
          aria-describedby={`${id}-status`}
          data-mantine-stop-propagation={opened || undefined}
          onChange={(event) => {
            onChange(event.currentTarget.value);
            setCaret(event.currentTarget.selectionStart);
            setActive(0);
          }}
          onClick={follow}
          onBlur={() => setCaret(null)}
          onKeyDown={onKeyDown}
          onScroll={(event) => {
            if (paper.current) paper.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
        {opened ? (
          <ul ref={list} className={classes.list} role="listbox" id={`${id}-list`} aria-label={t('Suggestions')}>
            {shown.map((suggestion, index) => (
              <li
                key={`${suggestion.kind} ${suggestion.label}`}
                id={`${id}-${index}`}
                role="option"
                aria-selected={index === active}
                className={classes.suggestion}
                onPointerDown={(event) => {
                  event.preventDefault();
                  take(suggestion);
                }}
              >
                <code data-kind={suggestion.kind}>{suggestion.label}</code>
                <span>{suggestion.note}</span>
              </li>
            ))}
          </ul>
        ) : null}
      </div>
      <div className={classes.status} id={`${id}-status`} aria-live="polite">
        {value.trim() === '' ? null : inquiry.failure && isCurrent ? (
          <span className={classes.wrong}>{inquiry.failure.message}</span>
        ) : !check ? (
          <Skeleton width={180} height={10} />
        ) : wrong ? (
          <span className={classes.wrong}>
            <IconExclamationCircle size={15} aria-hidden />
            <span>
              {wrong.message} {wrong.hint}
            </span>
          </span>
        ) : (
          <span className={classes.right}>
            <IconCircleCheck size={15} aria-hidden />
            {check.resultType && check.resultType in FIELD_TYPES
              ? t('Gives {label}', { label: inSentence(FIELD_TYPES[check.resultType].label) })
              : t('Correct')}
          </span>
        )}
      </div>
      {check?.ok && check.resultType && check.samples && check.samples.length > 0 ? (
        <table className={classes.samples}>
          <caption className="visually-hidden">{t('What it gives for some records')}</caption>
          <tbody>
            {check.samples.slice(0, 5).map((sample) => (
              <tr key={sample.id}>
                <th scope="row">{sample.label || t('Untitled')}</th>
                <td>
                  <SampleValue type={check.resultType ?? 'TEXT'} value={sample.value} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
    </Input.Wrapper>
  );
}
