import { Popover } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { Fragment, useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import type { Move } from '../grid/types.ts';
import type { ModelField } from '../model/types.ts';
import { EditorNote } from './EditorNote.tsx';
import { noteId } from './noteId.ts';
import classes from './fields.module.css';
import { t } from '../language/t.ts';

export interface Choice {
  value: string;
  label: string;
  node?: ReactNode;
  note?: string;
  /** Choices of one group stand under its name. */
  group?: string;
}

/** Something that can be made of the query when it is not among the choices. */
export interface Creation {
  name: string;
  create: (query: string) => void;
}

interface PickerProps {
  field: ModelField;
  problem?: string | null;
  choices: Choice[];
  chosen: string[];
  multiple?: boolean;
  typed?: string | null;
  /** When given, the choices follow the query and the owner filters; otherwise they are filtered here by label. */
  onQuery?: (query: string) => void;
  /** With `onQuery`: the query that the choices are the answer to. */
  answered?: string | null;
  onChoose: (value: string, move: Move) => void;
  onClear?: () => void;
  creations?: Creation[];
  onDrop?: () => void;
  onClose: (move: Move) => void;
}

const CLEAR = '\u0000clear';
const CREATE = '\u0000create';

/** A list to choose from with a search field on top, opened where the value stands. */
export function Picker({
  field,
  problem,
  choices,
  chosen,
  multiple,
  typed,
  onQuery,
  answered,
  onChoose,
  onClear,
  creations = [],
  onDrop,
  onClose,
}: PickerProps) {
  const { label } = field;
  const [query, setQuery] = useState(typed ?? '');
  /** Null until one types, moves or points: then it is what the field holds now. */
  const [active, setActive] = useState<number | null>(typed ? 0 : null);
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const listId = useId();
  /** Where to go after the choice that Enter asked for before there was anything to choose from. */
  const awaited = useRef<Move>(null);
  const isPending = onQuery !== undefined && answered !== query;

  useEffect(() => onQuery?.(query), [query, onQuery]);
  useEffect(() => input.current?.focus({ preventScroll: true }), []);

  const wanted = query.trim().toLowerCase();
  const matching = onQuery ? choices : choices.filter((choice) => choice.label.toLowerCase().includes(wanted));
  const shown: Choice[] = [...matching];
  if (onClear && wanted === '' && chosen.length > 0) shown.unshift({ value: CLEAR, label: t('Clear') });
  if (wanted !== '' && !isPending && !matching.some((choice) => choice.label.toLowerCase() === wanted)) {
    for (const [index, { name }] of creations.entries())
      shown.push({
        value: `${CREATE}${index}`,
        label:
          creations.length > 1
            ? t('Create {name} “{query}”', { name, query: query.trim() })
            : t('Create “{query}”', { query: query.trim() }),
      });
  }

  const held = chosen.length > 0 ? shown.findIndex((choice) => chosen.includes(choice.value)) : 0;
  const at = Math.min(active ?? held, shown.length - 1);
  useEffect(() => {
    list.current?.querySelector('[data-active]')?.scrollIntoView({ block: 'nearest' });
  }, [at]);

  const choose = (choice: Choice | undefined, move: Move) => {
    if (!choice) return;
    if (choice.value === CLEAR) onClear?.();
    else if (choice.value.startsWith(CREATE))
      creations[Number(choice.value.slice(CREATE.length))]?.create(query.trim());
    else onChoose(choice.value, move);
  };

  // Who types and presses Enter at once means what is being looked for, not what is on screen from before. Nothing is
  // created so: that is offered first.
  useEffect(() => {
    const move = awaited.current;
    if (move === null || isPending) return;
    awaited.current = null;
    choose(matching[0], move);
    if (multiple && move !== 'stay') onClose(move);
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const keys: { [key: string]: () => void } = {
      ArrowDown: () => setActive(Math.min(shown.length - 1, at + 1)),
      ArrowUp: () => setActive(Math.max(0, at - 1)),
      Enter: () => {
        const move = multiple ? 'stay' : 'down';
        const inHand = isPending && at <= 0 ? undefined : shown[at];
        if (inHand) choose(inHand, move);
        else if (wanted === '') onClose(move);
        else if (isPending) awaited.current = move;
      },
      Escape: () => {
        onDrop?.();
        onClose('stay');
      },
      Tab: () => {
        const move = event.shiftKey ? 'left' : 'right';
        if (awaited.current === null) onClose(move);
        else awaited.current = move;
      },
    };
    const act = keys[event.key];
    event.stopPropagation();
    if (!act) return;
    event.preventDefault();
    act();
  };

  // Leaving the input for anything but the list ends the choice; the list never takes the focus.
  const onBlur = () => onClose('stay');

  return (
    <Popover
      opened
      position="bottom-start"
      offset={3}
      width={260}
      shadow="md"
      radius="md"
      transitionProps={{ duration: 0 }}
      returnFocus={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
    >
      <Popover.Target>
        <input
          // Escape closes the list, not the dialog around it.
          data-mantine-stop-propagation="true"
          ref={input}
          className={classes.input}
          value={query}
          onChange={(event) => {
            setQuery(event.currentTarget.value);
            setActive(event.currentTarget.value.trim() === '' ? null : 0);
            awaited.current = null;
          }}
          onKeyDown={onKeyDown}
          onBlur={onBlur}
          placeholder={label}
          role="combobox"
          aria-label={label}
          aria-invalid={Boolean(problem)}
          aria-describedby={noteId(field)}
          aria-expanded
          aria-controls={listId}
          aria-activedescendant={at >= 0 ? `${listId}-${at}` : undefined}
          autoComplete="off"
        />
      </Popover.Target>
      <Popover.Dropdown
        p={0}
        onPointerDown={(event) => event.preventDefault()}
        onMouseDown={(event) => event.preventDefault()}
      >
        <div className={classes.inside}>
          <EditorNote field={field} reason={problem ?? null} />
        </div>
        <div
          className={classes.pickerList}
          role="listbox"
          id={listId}
          ref={list}
          aria-label={label}
          aria-multiselectable={multiple}
          aria-busy={isPending}
        >
          {shown.map((choice, index) => (
            <Fragment key={choice.value}>
              {choice.group && choice.group !== shown[index - 1]?.group ? (
                <div className={classes.pickerGroup} role="presentation">
                  {choice.group}
                </div>
              ) : null}
              <div
                id={`${listId}-${index}`}
                role="option"
                aria-selected={chosen.includes(choice.value)}
                data-active={index === at || undefined}
                className={classes.option}
                onPointerMove={() => index !== at && setActive(index)}
                onClick={() => choose(choice, 'stay')}
              >
                <span className={classes.optionLabel}>{choice.node ?? choice.label}</span>
                {choice.note ? <span className={classes.optionNote}>{choice.note}</span> : null}
                {chosen.includes(choice.value) ? <IconCheck size={14} aria-hidden /> : null}
              </div>
            </Fragment>
          ))}
        </div>
        {shown.length === 0 ? (
          <div className={classes.pickerEmpty}>{isPending ? t('Searching…') : t('Nothing found.')}</div>
        ) : null}
      </Popover.Dropdown>
    </Popover>
  );
}
