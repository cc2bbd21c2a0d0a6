import { Menu, Popover } from '@mantine/core';
import { IconFilter, IconFolderPlus, IconPlus, IconTextScan2, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { usePhone } from '../app/phone.ts';
import { ANY_FIELD, OPERATOR_LABELS, operatorsOf, takesValue, type Filter } from '../model/filters.ts';
import {
  comparisons,
  isGroup,
  notApplied,
  startFilter,
  subjectOf,
  type FilterGroup,
  type FilterNode,
  type Subject,
} from '../model/filterTree.ts';
import { visibleFields } from '../model/lookup.ts';
import { useWholeModel } from '../model/store.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { FieldMenu } from './FieldMenu.tsx';
import { AnyText, FilterBuilder } from './FilterBuilder.tsx';
import { FilterForm } from './FilterForm.tsx';
import classes from './records.module.css';
import { useFilterText } from './useFilterText.ts';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

interface FilterBarProps {
  model: Model;
  object: ModelObject;
  filters: FilterNode[];
  adding: boolean;
  onAdding: (adding: boolean) => void;
  onChange: (filters: FilterNode[]) => void;
  /** What stands before the filters, and at the end of the line. */
  start: ReactNode;
  end: ReactNode;
}

interface ChipProps<Node> {
  node: Node;
  initiallyOpen: boolean;
  onChange: (node: Node) => void;
  onRemove: () => void;
}

/** What a chip says, and a place to change it. */
function Chip({
  said,
  idle,
  label,
  width = 280,
  initiallyOpen,
  onRemove,
  children,
}: {
  said: ReactNode;
  idle: string | null;
  label: string;
  width?: number;
  initiallyOpen: boolean;
  onRemove: () => void;
  children: (close: () => void) => ReactNode;
}) {
  const [opened, setOpened] = useState(initiallyOpen);
  const button = useRef<HTMLButtonElement>(null);
  // Who has said what is wanted goes on from where it stands; not in this moment, or the key that closes it would open it again.
  useEffect(() => {
    const target = button.current;
    return opened ? () => void requestAnimationFrame(() => target?.focus()) : undefined;
  }, [opened]);
  return (
    <span className={classes.filterChip} data-idle={idle !== null || undefined} title={idle ?? undefined}>
      <Popover opened={opened} onChange={setOpened} position="bottom-start" width={width} trapFocus shadow="md">
        <Popover.Target>
          <button ref={button} type="button" className={classes.filterButton} onClick={() => setOpened(!opened)}>
            {said}
            {idle ? (
              <span className={classes.filterIdle}> · {idle.replace(/^Not applied: /, 'not applied, ')}</span>
            ) : null}
          </button>
        </Popover.Target>
        <Popover.Dropdown p="sm" mah="70vh" style={{ overflow: 'auto' }}>
          {children(() => setOpened(false))}
        </Popover.Dropdown>
      </Popover>
      <button
        type="button"
        className={classes.filterRemove}
        aria-label={t('Remove {label}', { label })}
        onClick={onRemove}
      >
        <IconX size={13} />
      </button>
    </span>
  );
}

function FieldChip({
  model,
  subject: { field, via },
  node,
  initiallyOpen,
  onChange,
  onRemove,
}: ChipProps<Filter> & { model: Model; subject: Subject }) {
  const text = useFilterText(model, field, node);
  const label = via ? `${via.label} › ${field.label}` : field.label;
  return (
    <Chip
      label={t('the filter on {label}', { label })}
      idle={null}
      initiallyOpen={initiallyOpen}
      onRemove={onRemove}
      said={
        <>
          <span>{label}</span> <span className={classes.filterOperator}>{OPERATOR_LABELS[node.operator]}</span>{' '}
          {takesValue(node.operator) ? <b>{text || '…'}</b> : null}
        </>
      }
    >
      {(close) => <FilterForm field={field} filter={node} onChange={onChange} onDone={close} />}
    </Chip>
  );
}

const GROUP_WORDS: { [join in FilterGroup['join']]: string } = {
  and: t('All of'),
  or: t('Any of'),
  none: t('None of'),
};

function GroupChip({
  model,
  object,
  node,
  initiallyOpen,
  onChange,
  onRemove,
}: ChipProps<FilterGroup> & { model: Model; object: ModelObject }) {
  const whole = useWholeModel();
  const all = comparisons([node]);
  const idle = all.filter((each) => each.value !== '' && notApplied(model, whole, object, each) !== null).length;
  return (
    <Chip
      label={t('the group of conditions')}
      width={460}
      idle={idle > 0 ? t('Not applied: {idle} of {count}', { idle, count: all.length }) : null}
      initiallyOpen={initiallyOpen}
      onRemove={onRemove}
      said={
        <>
          <span className={classes.filterOperator}>{GROUP_WORDS[node.join]}</span>{' '}
          <b>{t('{count, plural, one {# condition} other {# conditions}}', { count: all.length })}</b>
        </>
      }
    >
      {() => <FilterBuilder object={object} group={node} onChange={onChange} />}
    </Chip>
  );
}

/** The filters as sentences, each to be changed or removed; all of them must hold. */
export function FilterBar({ model, object, filters, adding, onAdding, onChange, start, end }: FilterBarProps) {
  const whole = useWholeModel();
  const phone = usePhone();
  const [fresh, setFresh] = useState<number | null>(null);
  if (filters.length === 0 && !adding && !start && !end) return null;
  const fields = visibleFields(object).filter((field) => operatorsOf(field).length > 0);
  const add = (node: FilterNode | null) => {
    if (!node) return;
    setFresh(filters.length);
    onChange([...filters, node]);
    onAdding(false);
  };
  const adder = (
    <FieldMenu
      label={t('Add a filter')}
      opened={adding}
      onChange={onAdding}
      position="bottom-start"
      width={240}
      target={
        <button type="button" className={classes.filterAdd} aria-label={phone ? t('Add a filter') : undefined}>
          {phone ? (
            <IconFilter size={18} stroke={1.75} />
          ) : (
            <>
              <IconPlus size={13} /> {t('Filter')}
            </>
          )}
        </button>
      }
      fields={fields}
      onChoose={(field) => add(startFilter(field))}
      after={
        <>
          <Menu.Divider />
          <Menu.Item
            leftSection={<IconTextScan2 size={14} />}
            onClick={() => add({ field: ANY_FIELD, operator: 'contains', value: '' })}
          >
            {t('Any text')}
          </Menu.Item>
          <Menu.Item leftSection={<IconFolderPlus size={14} />} onClick={() => add({ join: 'or', nodes: [] })}>
            {t('Group of conditions')}
          </Menu.Item>
        </>
      }
    />
  );
  return (
    <div className={classes.filters} role="group" aria-label={t('Filters')}>
      {start}
      {phone ? adder : null}
      {filters.map((node, index) => {
        const chip = {
          initiallyOpen: index === fresh,
          onRemove: () => onChange(filters.filter((_, position) => position !== index)),
        };
        const replace = (next: FilterNode) =>
          onChange(filters.map((each, position) => (position === index ? next : each)));
        if (isGroup(node))
          return <GroupChip key={index} {...chip} model={model} object={object} node={node} onChange={replace} />;
        const subject = subjectOf(model, object, node);
        if (subject)
          return (
            <FieldChip
              key={`${index}-${node.via ?? ''}-${node.field}`}
              {...chip}
              model={model}
              subject={subject}
              node={node}
              onChange={replace}
            />
          );
        const idle = notApplied(model, whole, object, node);
        const unread = idle === null ? null : subjectOf(whole, object, node);
        return (
          <Chip
            key={index}
            {...chip}
            label={node.field === ANY_FIELD ? t('the filter on any text') : t('this filter')}
            idle={node.field === ANY_FIELD ? null : idle}
            said={
              node.field === ANY_FIELD ? (
                <>
                  <Trans
                    text={'Any text <0>{operatorLabels}</0>'}
                    values={{ operatorLabels: OPERATOR_LABELS[node.operator] }}
                    tags={{ 0: <span className={classes.filterOperator} /> }}
                  />{' '}
                  <b>{node.value || '…'}</b>
                </>
              ) : (
                (unread?.field.label ?? t('A field'))
              )
            }
          >
            {() =>
              node.field === ANY_FIELD ? (
                <AnyText filter={node} onChange={replace} />
              ) : (
                <span className={classes.builderNote}>{idle}</span>
              )
            }
          </Chip>
        );
      })}
      {phone ? null : adder}
      {filters.length > 0 ? (
        <button type="button" className={classes.filterClear} onClick={() => onChange([])}>
          {t('Clear')}
        </button>
      ) : null}
      {end}
    </div>
  );
}
