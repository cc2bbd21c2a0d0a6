import { ActionIcon, Popover, TextInput } from '@mantine/core';
import { IconChevronDown, IconChevronUp } from '@tabler/icons-react';
import { useState } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import type { ModelObject } from '../model/types.ts';
import { orderedFields, type ColumnLayout } from './columnLayout.ts';
import classes from './records.module.css';
import { ColumnsButton } from './tableButtons.tsx';
import { t } from '../language/t.ts';

interface ColumnsMenuProps {
  object: ModelObject;
  layout: ColumnLayout;
  onChange: (layout: ColumnLayout) => void;
}

const SEARCH_ABOVE = 20;
const SHOWN = 50;

/** Which columns show, and in which order: by button here, by dragging their heads in the table. */
export function ColumnsMenu({ defaultOpened, ...props }: ColumnsMenuProps & { defaultOpened: boolean }) {
  return (
    <Popover position="bottom-end" width={280} trapFocus defaultOpened={defaultOpened}>
      <Popover.Target>
        <ColumnsButton />
      </Popover.Target>
      <Popover.Dropdown p={6} aria-label={t('Columns')}>
        <ColumnList {...props} />
      </Popover.Dropdown>
    </Popover>
  );
}

function ColumnList({ object, layout, onChange }: ColumnsMenuProps) {
  const [query, setQuery] = useState('');
  const fields = orderedFields(object, layout);
  const names = fields.map((field) => field.name);
  const toggle = (name: string) =>
    onChange({
      ...layout,
      hidden: layout.hidden.includes(name) ? layout.hidden.filter((each) => each !== name) : [...layout.hidden, name],
    });
  const move = (index: number, by: number) => {
    const order = [...names];
    const [name] = order.splice(index, 1);
    if (name) order.splice(index + by, 0, name);
    onChange({ ...layout, order });
  };
  const wanted = query.trim().toLowerCase();
  const found = fields.flatMap((field, index) =>
    wanted === '' || field.label.toLowerCase().includes(wanted) ? { field, index } : [],
  );
  const all = fields.every((field) => field.id === object.labelFieldId || layout.hidden.includes(field.name));
  return (
    <>
      {fields.length > SEARCH_ABOVE ? (
        <TextInput
          size="xs"
          mb={4}
          placeholder={t('Find among {count} columns', { count: fields.length })}
          aria-label={t('Find a column')}
          value={query}
          onChange={(event) => setQuery(event.currentTarget.value)}
          data-autofocus
        />
      ) : null}
      <ul className={classes.columnList} aria-label={t('Columns')}>
        {found.slice(0, SHOWN).map(({ field, index }) => {
          const TypeIcon = FIELD_TYPES[field.type].icon;
          const isLabel = field.id === object.labelFieldId;
          return (
            <li key={field.id} className={classes.columnRow}>
              <label className={classes.columnLabel}>
                <input
                  type="checkbox"
                  checked={isLabel || !layout.hidden.includes(field.name)}
                  disabled={isLabel}
                  onChange={() => toggle(field.name)}
                />
                <TypeIcon size={14} stroke={1.75} aria-hidden />
                <span>{field.label}</span>
              </label>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                disabled={isLabel || index <= 1}
                aria-label={t('Move {label} up', { label: field.label })}
                onClick={() => move(index, -1)}
              >
                <IconChevronUp size={14} />
              </ActionIcon>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="sm"
                disabled={isLabel || index === fields.length - 1}
                aria-label={t('Move {label} down', { label: field.label })}
                onClick={() => move(index, 1)}
              >
                <IconChevronDown size={14} />
              </ActionIcon>
            </li>
          );
        })}
      </ul>
      {found.length > SHOWN ? (
        <div className={classes.columnNote}>
          {t('{count} more: type to find them.', { count: found.length - SHOWN })}
        </div>
      ) : null}
      {fields.length > SEARCH_ABOVE ? (
        <button
          type="button"
          className={classes.filterClear}
          onClick={() => onChange({ ...layout, hidden: all ? [] : names })}
        >
          {all ? t('Show all') : t('Hide all')}
        </button>
      ) : null}
    </>
  );
}
