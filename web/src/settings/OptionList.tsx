import { ActionIcon, Button, Menu, TextInput } from '@mantine/core';
import { IconChevronDown, IconChevronUp, IconPlus, IconX } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { COLORS } from '../fields/Tag.tsx';
import { optionValue } from '../model/names.ts';
import type { FieldOption } from '../model/types.ts';
import classes from './settings.module.css';

export interface DraftOption {
  key: number;
  /** Set for options that exist: records hold this value, so it stays when the label changes. */
  value: string | null;
  label: string;
  color: string;
}

let nextKey = 0;

export const newOption = (index: number): DraftOption => ({
  key: nextKey++,
  value: null,
  label: '',
  color: COLORS[1 + (index % (COLORS.length - 1))] ?? 'gray',
});

export const draftOptions = (options: FieldOption[]): DraftOption[] =>
  [...options]
    .sort((a, b) => a.position - b.position)
    .map(({ value, label, color }) => ({ key: nextKey++, value, label, color }));

/** The options as they are stored: those without a label dropped, each value unlike the others. */
export function cleanOptions(drafts: DraftOption[]): FieldOption[] {
  const taken = new Set(drafts.flatMap((draft) => draft.value ?? []));
  return drafts
    .filter((draft) => draft.label.trim() !== '')
    .map((draft, position) => {
      let value = draft.value ?? optionValue(draft.label);
      for (let n = 2; draft.value === null && taken.has(value); n++) value = `${optionValue(draft.label)}_${n}`;
      taken.add(value);
      return { value, label: draft.label.trim(), color: draft.color, position };
    });
}

export function OptionList({
  options,
  onChange,
}: {
  options: DraftOption[];
  onChange: (options: DraftOption[]) => void;
}) {
  const list = useRef<HTMLDivElement>(null);
  const focusLast = useRef(false);
  useEffect(() => {
    if (!focusLast.current) return;
    focusLast.current = false;
    list.current?.querySelector<HTMLInputElement>(':scope > div:last-of-type input')?.focus();
  });
  const set = (index: number, patch: Partial<DraftOption>) =>
    onChange(options.map((option, position) => (position === index ? { ...option, ...patch } : option)));
  const swap = (index: number, other: number) => {
    const next = [...options];
    const [moved] = next.splice(index, 1);
    if (moved) next.splice(other, 0, moved);
    onChange(next);
  };
  const add = () => {
    focusLast.current = true;
    onChange([...options, newOption(options.length)]);
  };
  return (
    <fieldset className={classes.options}>
      <legend>Options</legend>
      <div ref={list}>
        {options.map((option, index) => (
          <div key={option.key} className={classes.option}>
            <Menu position="bottom-start">
              <Menu.Target>
                <button
                  type="button"
                  className={classes.swatch}
                  aria-label={`Colour of option ${index + 1}: ${option.color}`}
                  style={{ background: `var(--rv-ink-${option.color}, var(--mantine-color-dimmed))` }}
                />
              </Menu.Target>
              <Menu.Dropdown>
                {COLORS.map((color) => (
                  <Menu.Item
                    key={color}
                    leftSection={
                      <span
                        className={classes.swatch}
                        style={{ background: `var(--rv-ink-${color}, var(--mantine-color-dimmed))` }}
                      />
                    }
                    onClick={() => set(index, { color })}
                  >
                    {color}
                  </Menu.Item>
                ))}
              </Menu.Dropdown>
            </Menu>
            <TextInput
              size="xs"
              flex={1}
              value={option.label}
              placeholder={`Option ${index + 1}`}
              aria-label={`Option ${index + 1}`}
              autoComplete="off"
              onChange={(event) => set(index, { label: event.currentTarget.value })}
              onKeyDown={(event) => {
                if (event.key !== 'Enter') return;
                event.preventDefault();
                add();
              }}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              disabled={index === 0}
              aria-label={`Move option ${index + 1} up`}
              onClick={() => swap(index, index - 1)}
            >
              <IconChevronUp size={14} />
            </ActionIcon>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              disabled={index === options.length - 1}
              aria-label={`Move option ${index + 1} down`}
              onClick={() => swap(index, index + 1)}
            >
              <IconChevronDown size={14} />
            </ActionIcon>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={`Remove option ${index + 1}`}
              onClick={() => onChange(options.filter((_, position) => position !== index))}
            >
              <IconX size={14} />
            </ActionIcon>
          </div>
        ))}
      </div>
      <Button variant="subtle" color="gray" leftSection={<IconPlus size={14} />} onClick={add}>
        Add option
      </Button>
    </fieldset>
  );
}
