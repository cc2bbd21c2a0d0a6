import { ActionIcon, Button, Group, Menu, Select, TextInput } from '@mantine/core';
import { IconGripVertical, IconPlus, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { COLORS } from '../fields/Tag.tsx';
import { optionValue } from '../model/names.ts';
import { Dependents, mayGo, useDependents } from './Dependents.tsx';
import classes from './editor.module.css';
import { newOption, type DraftOption } from './optionDrafts.ts';
import { inOrder, useReorder } from './useReorder.ts';
import { t } from '../language/t.ts';

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
    <div className={classes.remove} role="group" aria-label={t('Remove {label}', { label: option.label })}>
      <Select
        size="xs"
        label={t('Records that are “{label}” become', { label: option.label })}
        placeholder={t('Choose the option that takes its place')}
        clearable
        data={others.flatMap((other) => (other.value ? [{ value: other.value, label: other.label }] : []))}
        value={replacement}
        onChange={setReplacement}
        data-autofocus
      />
      <Dependents uses={uses} replacement={others.find((other) => other.value === replacement)?.label ?? null} />
      <Group gap={6} justify="flex-end">
        <Button variant="default" onClick={onKeep}>
          {t('Keep it')}
        </Button>
        <Button color="red" disabled={!mayGo(uses, replacement !== null)} onClick={() => onRemove(replacement)}>
          {t('Remove')}
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
      <legend>{t('Options')}</legend>
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
              aria-label={t('Move option {index}: drag, or use the arrow keys', { index: index + 1 })}
              {...reorder.handle(index)}
            >
              <IconGripVertical size={14} aria-hidden />
            </button>
            <Menu position="bottom-start">
              <Menu.Target>
                <button
                  type="button"
                  className={classes.swatch}
                  aria-label={t('Colour of option {index}: {color}', { index: index + 1, color: option.color })}
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
              placeholder={t('Option {index}', { index: index + 1 })}
              aria-label={t('Option {index}', { index: index + 1 })}
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
              placeholder={option.label.trim() ? optionValue(option.label) : t('API value')}
              readOnly={option.value !== null}
              variant={option.value === null ? 'default' : 'unstyled'}
              title={option.value === null ? t('The value in the API') : t('The value in the API stays')}
              aria-label={t('API value of option {index}', { index: index + 1 })}
              classNames={{ input: classes.mono }}
              autoComplete="off"
              onChange={(event) => set(index, { typed: event.currentTarget.value })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('Remove option {index}', { index: index + 1 })}
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
        {t('Add option')}
      </Button>
    </fieldset>
  );
}
