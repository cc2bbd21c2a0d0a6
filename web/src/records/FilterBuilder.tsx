import { ActionIcon, Button, Select, SegmentedControl, TextInput } from '@mantine/core';
import { IconFolderPlus, IconPlus, IconX } from '@tabler/icons-react';
import { useMemo } from 'react';
import { ANY_FIELD, operatorsOf, type Filter } from '../model/filters.ts';
import {
  isGroup,
  leadsOn,
  notApplied,
  startFilter,
  subjectOf,
  type FilterGroup,
  type FilterNode,
} from '../model/filterTree.ts';
import { objectById, visibleFields } from '../model/lookup.ts';
import { useModel, useWholeModel } from '../model/store.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { FilterForm } from './FilterForm.tsx';
import classes from './records.module.css';
import { t } from '../language/t.ts';

const JOINS = [
  { value: 'and', label: t('All of') },
  { value: 'or', label: t('Any of') },
  { value: 'none', label: t('None of') },
];
const DEEPEST = 5;

const keyOf = ({ via, field }: Filter): string => (via === undefined ? field : `${via}.${field}`);

/** What a comparison may be about: any text, the fields of the record, and those of the records that it points to. */
function useChoices(model: Model, object: ModelObject) {
  return useMemo(() => {
    const own = visibleFields(object).filter((field) => operatorsOf(field).length > 0);
    return [
      {
        group: object.labelSingular,
        items: [{ value: ANY_FIELD, label: t('Any text') }].concat(
          own.map(({ name, label }) => ({ value: name, label })),
        ),
      },
      ...visibleFields(object)
        .filter(leadsOn)
        .flatMap((via) => {
          const target = objectById(model, via.relations[0]?.targetObjectId ?? '');
          const fields = target ? visibleFields(target).filter((field) => operatorsOf(field).length > 0) : [];
          return fields.length === 0
            ? []
            : [
                {
                  group: via.label,
                  items: fields.map(({ name, label }) => ({
                    value: `${via.name}.${name}`,
                    label: `${via.label} › ${label}`,
                  })),
                },
              ];
        }),
    ];
  }, [model, object]);
}

interface RowProps {
  object: ModelObject;
  filter: Filter;
  onChange: (filter: Filter) => void;
  onRemove: () => void;
}

function Row({ object, filter, onChange, onRemove }: RowProps) {
  const model = useModel();
  const whole = useWholeModel();
  const choices = useChoices(model, object);
  const subject = subjectOf(model, object, filter);
  const idle = subject || filter.field === ANY_FIELD ? null : notApplied(model, whole, object, filter);
  const choose = (key: string | null) => {
    if (key === null) return;
    if (key === ANY_FIELD) return onChange({ field: ANY_FIELD, operator: 'contains', value: '' });
    const [first = '', second] = key.split('.');
    const next = { ...filter, field: second ?? first, ...(second === undefined ? {} : { via: first }) };
    if (second === undefined) delete next.via;
    const found = subjectOf(model, object, next);
    const started = found && startFilter(found.field, next.via);
    if (started) onChange(started);
  };
  return (
    <div className={classes.builderRow} role="group" aria-label={t('Condition')}>
      <Select
        size="xs"
        searchable
        allowDeselect={false}
        aria-label={t('Field')}
        data={choices}
        value={keyOf(filter)}
        placeholder={idle ? t('A field that is not there') : t('Field')}
        nothingFoundMessage={t('No field is called so')}
        onChange={choose}
        comboboxProps={{ withinPortal: false }}
      />
      {subject ? (
        <FilterForm
          key={keyOf(filter)}
          field={subject.field}
          filter={filter}
          onChange={onChange}
          onDone={() => undefined}
        />
      ) : filter.field === ANY_FIELD ? (
        <AnyText filter={filter} onChange={onChange} />
      ) : (
        <span />
      )}
      <ActionIcon variant="subtle" color="gray" aria-label={t('Remove the condition')} onClick={onRemove}>
        <IconX size={14} />
      </ActionIcon>
      {idle ? <span className={classes.builderNote}>{idle}</span> : null}
    </div>
  );
}

export function AnyText({ filter, onChange }: Pick<RowProps, 'filter' | 'onChange'>) {
  return (
    <TextInput
      size="xs"
      aria-label={t('Any text contains')}
      placeholder={t('contains')}
      value={filter.value}
      onChange={(event) => onChange({ ...filter, value: event.currentTarget.value })}
      data-autofocus
    />
  );
}

interface FilterBuilderProps {
  object: ModelObject;
  group: FilterGroup;
  onChange: (group: FilterGroup) => void;
  onRemove?: () => void;
  depth?: number;
}

/** A group of conditions, in which other groups may stand. */
export function FilterBuilder({ object, group, onChange, onRemove, depth = 1 }: FilterBuilderProps) {
  const replace = (index: number, node: FilterNode | null) =>
    onChange({ ...group, nodes: group.nodes.flatMap((each, at) => (at === index ? (node ?? []) : each)) });
  const add = () => {
    const field = visibleFields(object).find((each) => operatorsOf(each).length > 0);
    const filter = field && startFilter(field);
    if (filter) onChange({ ...group, nodes: [...group.nodes, filter] });
  };
  return (
    <div
      className={classes.builderGroup}
      role="group"
      aria-label={t('{depth, plural, one {Conditions} other {Group of conditions}}', { depth })}
    >
      <div className={classes.builderHead}>
        <SegmentedControl
          size="xs"
          aria-label={t('Which of them must hold')}
          data={JOINS}
          value={group.join}
          onChange={(join) => onChange({ ...group, join: join as FilterGroup['join'] })}
        />
        {onRemove ? (
          <ActionIcon variant="subtle" color="gray" aria-label={t('Remove the group')} onClick={onRemove}>
            <IconX size={14} />
          </ActionIcon>
        ) : null}
      </div>
      {group.nodes.map((node, index) =>
        isGroup(node) ? (
          <FilterBuilder
            key={index}
            object={object}
            group={node}
            depth={depth + 1}
            onChange={(next) => replace(index, next)}
            onRemove={() => replace(index, null)}
          />
        ) : (
          <Row
            key={index}
            object={object}
            filter={node}
            onChange={(next) => replace(index, next)}
            onRemove={() => replace(index, null)}
          />
        ),
      )}
      <div className={classes.builderFoot}>
        <Button size="compact-xs" variant="subtle" leftSection={<IconPlus size={13} />} onClick={add}>
          {t('Condition')}
        </Button>
        {depth < DEEPEST ? (
          <Button
            size="compact-xs"
            variant="subtle"
            leftSection={<IconFolderPlus size={13} />}
            onClick={() => onChange({ ...group, nodes: [...group.nodes, { join: 'or', nodes: [] }] })}
          >
            {t('Group')}
          </Button>
        ) : null}
      </div>
    </div>
  );
}
