import { Menu, Popover } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { encodeFilter, OPERATOR_LABELS, operatorsOf, takesValue, type Filter } from '../model/filters.ts';
import { visibleFields } from '../model/lookup.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { valueType } from '../model/valueType.ts';
import { FieldMenuItems } from './FieldMenuItems.tsx';
import { FilterForm } from './FilterForm.tsx';
import classes from './records.module.css';
import { useFilterText } from './useFilterText.ts';

interface FilterBarProps {
  model: Model;
  object: ModelObject;
  filters: Filter[];
  adding: boolean;
  onAdding: (adding: boolean) => void;
  onChange: (filters: Filter[]) => void;
}

function Chip({
  model,
  field,
  filter,
  initiallyOpen,
  onChange,
  onRemove,
}: {
  model: Model;
  field: ModelField;
  filter: Filter;
  initiallyOpen: boolean;
  onChange: (filter: Filter) => void;
  onRemove: () => void;
}) {
  const [opened, setOpened] = useState(initiallyOpen);
  const text = useFilterText(model, field, filter);
  return (
    <span className={classes.filterChip}>
      <Popover opened={opened} onChange={setOpened} position="bottom-start" width={280} trapFocus>
        <Popover.Target>
          <button type="button" className={classes.filterButton} onClick={() => setOpened(!opened)}>
            <span>{field.label}</span>{' '}
            <span className={classes.filterOperator}>{OPERATOR_LABELS[filter.operator]}</span>{' '}
            {takesValue(filter.operator) ? <b>{text || '…'}</b> : null}
          </button>
        </Popover.Target>
        <Popover.Dropdown p="sm">
          <FilterForm field={field} filter={filter} onChange={onChange} onDone={() => setOpened(false)} />
        </Popover.Dropdown>
      </Popover>
      <button
        type="button"
        className={classes.filterRemove}
        aria-label={`Remove the filter on ${field.label}`}
        onClick={onRemove}
      >
        <IconX size={13} />
      </button>
    </span>
  );
}

/** The filters as sentences, each to be changed or removed; all of them must hold. */
export function FilterBar({ model, object, filters, adding, onAdding, onChange }: FilterBarProps) {
  const [fresh, setFresh] = useState<number | null>(null);
  if (filters.length === 0 && !adding) return null;
  const fields = visibleFields(object).filter((field) => operatorsOf(field).length > 0);
  const add = (field: ModelField) => {
    const [operator] = operatorsOf(field);
    if (!operator) return;
    setFresh(filters.length);
    onChange([...filters, { field: field.name, operator, value: valueType(field) === 'BOOLEAN' ? 'true' : '' }]);
    onAdding(false);
  };
  return (
    <div className={classes.filters} role="group" aria-label="Filters">
      {filters.map((filter, index) => {
        const field = object.fields.find((f) => f.name === filter.field && f.isActive);
        const remove = () => onChange(filters.filter((_, position) => position !== index));
        return field ? (
          <Chip
            key={`${index}-${filter.field}`}
            model={model}
            field={field}
            filter={filter}
            initiallyOpen={index === fresh}
            onChange={(next) => onChange(filters.map((each, position) => (position === index ? next : each)))}
            onRemove={remove}
          />
        ) : (
          <span key={encodeFilter(filter)} className={classes.filterChip}>
            <span className={classes.filterButton}>{filter.field} is no field any more</span>
            <button type="button" className={classes.filterRemove} aria-label="Remove this filter" onClick={remove}>
              <IconX size={13} />
            </button>
          </span>
        );
      })}
      <Menu opened={adding} onChange={onAdding} position="bottom-start" width={240}>
        <Menu.Target>
          <button type="button" className={classes.filterAdd}>
            <IconPlus size={13} /> Filter
          </button>
        </Menu.Target>
        <Menu.Dropdown mah={380} style={{ overflow: 'auto' }}>
          <FieldMenuItems fields={fields} onChoose={add} />
        </Menu.Dropdown>
      </Menu>
      {filters.length > 0 ? (
        <button type="button" className={classes.filterClear} onClick={() => onChange([])}>
          Clear
        </button>
      ) : null}
    </div>
  );
}
