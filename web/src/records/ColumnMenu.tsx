import { Menu } from '@mantine/core';
import {
  IconArrowDown,
  IconArrowLeft,
  IconArrowRight,
  IconArrowUp,
  IconCheck,
  IconEyeOff,
  IconFilter,
  IconLayoutRows,
  IconPalette,
  IconPin,
  IconPinnedOff,
} from '@tabler/icons-react';
import { aggregateLabel, aggregatesOf } from '../model/aggregates.ts';
import { operatorsOf } from '../model/filters.ts';
import { isSortable, type Sort } from '../model/sorting.ts';
import { BUCKET_LABELS, takesBucket, type Bucket } from '../model/grouping.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { shownFields, type ColumnLayout } from './columnLayout.ts';
import { t } from '../language/t.ts';

interface ColumnMenuProps {
  field: ModelField;
  at: { x: number; y: number };
  /** Whose menu it is: that of the head has all, that of the foot what it may tell. */
  of: 'column' | 'foot';
  object: ModelObject;
  layout: ColumnLayout;
  sort: Sort | null;
  onSort: (sort: Sort | null) => void;
  onLayout: (layout: ColumnLayout) => void;
  onFilter: (field: ModelField) => void;
  onColors: (field: ModelField) => void;
  grouping?:
    | {
        field: string | null;
        canGroup: (field: ModelField) => boolean;
        onGroup: (field: ModelField | null, bucket?: Bucket) => void;
      }
    | undefined;
  onMove: (before: string | null) => void;
  onClose: () => void;
}

/** What can be done with a column, at its head or its foot. */
export function ColumnMenu(props: ColumnMenuProps) {
  const { field, at, of, layout, onLayout, onClose } = props;
  const { [field.name]: current, ...others } = layout.aggregates;
  return (
    <Menu
      opened
      onChange={(opened) => {
        if (!opened) onClose();
      }}
      position={of === 'foot' ? 'top-start' : 'bottom-start'}
      width={220}
      returnFocus={false}
    >
      <Menu.Target>
        <span style={{ position: 'fixed', left: at.x, top: at.y }} />
      </Menu.Target>
      <Menu.Dropdown
        mah={460}
        style={{ overflow: 'auto' }}
        aria-label={of === 'foot' ? t('Calculate {label}', { label: field.label }) : field.label}
      >
        {of === 'column' ? <ColumnItems {...props} /> : null}
        <Menu.Label>{of === 'column' ? t('In the foot') : t('Calculate {label}', { label: field.label })}</Menu.Label>
        <Menu.Item
          rightSection={current === undefined ? <IconCheck size={14} /> : null}
          onClick={() => onLayout({ ...layout, aggregates: others })}
        >
          {t('Nothing')}
        </Menu.Item>
        {aggregatesOf(field).map((name) => (
          <Menu.Item
            key={name}
            rightSection={current === name ? <IconCheck size={14} /> : null}
            onClick={() => onLayout({ ...layout, aggregates: { ...others, [field.name]: name } })}
          >
            {aggregateLabel(field, name)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function ColumnItems({
  field,
  object,
  layout,
  sort,
  onSort,
  onLayout,
  onFilter,
  onColors,
  grouping,
  onMove,
}: ColumnMenuProps) {
  const shown = shownFields(object, layout);
  const place = shown.findIndex(({ id }) => id === field.id);
  const isLabel = field.id === object.labelFieldId;
  const isPinned = layout.pinned.includes(field.name);
  const isAmong = (index: number) => {
    const other = shown[index];
    return other !== undefined && index > 0 && layout.pinned.includes(other.name) === isPinned;
  };
  const isGrouped = grouping?.field === field.name;
  return (
    <>
      {isSortable(field) ? (
        <>
          <Menu.Item
            leftSection={<IconArrowUp size={14} />}
            onClick={() => onSort({ field: field.name, descending: false })}
          >
            {t('Sort ascending')}
          </Menu.Item>
          <Menu.Item
            leftSection={<IconArrowDown size={14} />}
            onClick={() => onSort({ field: field.name, descending: true })}
          >
            {t('Sort descending')}
          </Menu.Item>
          {sort?.field === field.name ? (
            <Menu.Item onClick={() => onSort(null)}>{t('Do not sort by it')}</Menu.Item>
          ) : null}
        </>
      ) : null}
      {operatorsOf(field).length > 0 ? (
        <Menu.Item leftSection={<IconFilter size={14} />} onClick={() => onFilter(field)}>
          {t('Filter by it')}
        </Menu.Item>
      ) : null}
      <Menu.Item leftSection={<IconPalette size={14} />} onClick={() => onColors(field)}>
        {t('Colours…')}
      </Menu.Item>
      {grouping && !isGrouped && takesBucket(field) && grouping.canGroup(field)
        ? (Object.keys(BUCKET_LABELS) as Bucket[]).map((bucket) => (
            <Menu.Item
              key={bucket}
              leftSection={<IconLayoutRows size={14} />}
              onClick={() => grouping.onGroup(field, bucket)}
            >
              {t('Group by {bucketLabels}', { bucketLabels: BUCKET_LABELS[bucket] })}
            </Menu.Item>
          ))
        : null}
      {grouping && (isGrouped || (grouping.canGroup(field) && !takesBucket(field))) ? (
        <Menu.Item
          leftSection={<IconLayoutRows size={14} />}
          onClick={() => grouping.onGroup(isGrouped ? null : field)}
        >
          {isGrouped ? t('Do not group by it') : t('Group by it')}
        </Menu.Item>
      ) : null}
      {isLabel ? null : (
        <>
          <Menu.Divider />
          <Menu.Item
            leftSection={isPinned ? <IconPinnedOff size={14} /> : <IconPin size={14} />}
            onClick={() =>
              onLayout({
                ...layout,
                pinned: isPinned ? layout.pinned.filter((name) => name !== field.name) : [...layout.pinned, field.name],
              })
            }
          >
            {isPinned ? t('Unpin') : t('Pin')}
          </Menu.Item>
          <Menu.Item
            leftSection={<IconArrowLeft size={14} />}
            disabled={!isAmong(place - 1)}
            onClick={() => onMove(shown[place - 1]?.name ?? null)}
          >
            {t('Move left')}
          </Menu.Item>
          <Menu.Item
            leftSection={<IconArrowRight size={14} />}
            disabled={!isAmong(place + 1)}
            onClick={() => onMove(shown[place + 2]?.name ?? null)}
          >
            {t('Move right')}
          </Menu.Item>
          <Menu.Item
            leftSection={<IconEyeOff size={14} />}
            onClick={() => onLayout({ ...layout, hidden: [...layout.hidden, field.name] })}
          >
            {t('Hide')}
          </Menu.Item>
        </>
      )}
      <Menu.Divider />
    </>
  );
}
