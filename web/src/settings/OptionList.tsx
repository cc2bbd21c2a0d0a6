import { ActionIcon, Button, Group, Menu, Select, TextInput } from '@mantine/core';
import { IconGripVertical, IconPlus, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { COLORS } from '../fields/Tag.tsx';
import { optionValue } from '../model/names.ts';
import { Dependents, mayGo, useDependents } from './Dependents.tsx';
import classes from './editor.module.css';
import { newOption, type DraftOption } from './optionDrafts.ts';
import { inOrder, useReorder } from './useReorder.ts';

/** Height and gap of a row, which the drag counts by. */
const ROW = 36;

interface OptionListProps {
  options: DraftOption[];
  onChange: (options: DraftOption[]) => void;
  /** Set for a field that exists: an option that records may have goes only with what takes its place. */
  fieldId?: string | undefined;
  onReplace?: (value: string, replacement: string | null) => void;
}

function RemoveOption({
  option,
  others,
  fieldId,
  onRemove,
  onKeep,
}: {
  option: DraftOption;
  others: DraftOption[];
  fieldId: string;
  onRemove: (replacement: string | null) => void;
  onKeep: () => void;
}) {
  const [replacement, setReplacement] = useState<string | null>(null);
  const uses = useDependents('option', fieldId, option.value);
  return (
    <div className={classes.remove} role="group" aria-label={`Remove ${option.label}`}>
      <Select
        size="xs"
        label={`Records that are “${option.label}” become`}
        placeholder="Choose the option that takes its place"
        clearable
        data={others.flatMap((other) => (other.value ? [{ value: other.value, label: other.label }] : []))}
        value={replacement}
        onChange={setReplacement}
        data-autofocus
      />
      <Dependents uses={uses} replacement={others.find((other) => other.value === replacement)?.label ?? null} />
      <Group gap={6} justify="flex-end">
        <Button variant="default" onClick={onKeep}>
          Keep it
        </Button>
        <Button color="red" disabled={!mayGo(uses, replacement !== null)} onClick={() => onRemove(replacement)}>
          Remove
        </Button>
      </Group>
    </div>
  );
}

export function OptionList({ options, onChange, fieldId, onReplace }: OptionListProps) {
  const list = useRef<HTMLDivElement>(null);
  const focusLast = useRef(false);
  const [removing, setRemoving] = useState<number | null>(null);
  useEffect(() => {
    if (!focusLast.current) return;
    focusLast.current = false;
    list.current?.querySelector<HTMLInputElement>(':scope > div:last-of-type input')?.focus();
  });
  const set = (index: number, patch: Partial<DraftOption>) =>
    onChange(options.map((option, position) => (position === index ? { ...option, ...patch } : option)));
  const reorder = useReorder(list, ROW, options.length, (from, to) => onChange(inOrder(options, from, to)));
  const add = () => {
    focusLast.current = true;
    onChange([...options, newOption(options.length)]);
  };
  const drop = (option: DraftOption) => onChange(options.filter((each) => each.key !== option.key));
  const leaving = options.find((option) => option.key === removing);

  return (
    <fieldset className={classes.options}>
      <legend>Options</legend>
      <div ref={list}>
        {options.map((option, index) => (
          <div
            key={option.key}
            className={classes.option}
            data-drop={reorder.drop(index)}
            data-dragged={reorder.drag?.from === index || undefined}
          >
            <button
              type="button"
              className={classes.grip}
              aria-label={`Move option ${index + 1}: drag, or use the arrow keys`}
              {...reorder.handle(index)}
            >
              <IconGripVertical size={14} aria-hidden />
            </button>
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
              flex={2}
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
            <TextInput
              size="xs"
              flex={1}
              miw={0}
              value={option.value ?? option.typed ?? ''}
              placeholder={option.label.trim() ? optionValue(option.label) : 'API value'}
              readOnly={option.value !== null}
              variant={option.value === null ? 'default' : 'unstyled'}
              title={option.value === null ? 'The value in the API' : 'The value in the API stays'}
              aria-label={`API value of option ${index + 1}`}
              classNames={{ input: classes.mono }}
              autoComplete="off"
              onChange={(event) => set(index, { typed: event.currentTarget.value })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={`Remove option ${index + 1}`}
              onClick={() => (option.value !== null && fieldId ? setRemoving(option.key) : drop(option))}
            >
              <IconX size={14} />
            </ActionIcon>
          </div>
        ))}
      </div>
      {leaving && fieldId ? (
        <RemoveOption
          key={leaving.key}
          option={leaving}
          others={options.filter((option) => option.key !== leaving.key)}
          fieldId={fieldId}
          onKeep={() => setRemoving(null)}
          onRemove={(replacement) => {
            if (leaving.value !== null) onReplace?.(leaving.value, replacement);
            setRemoving(null);
            drop(leaving);
          }}
        />
      ) : null}
      <Button variant="subtle" color="gray" leftSection={<IconPlus size={14} />} onClick={add}>
        Add option
      </Button>
    </fieldset>
  );
}
