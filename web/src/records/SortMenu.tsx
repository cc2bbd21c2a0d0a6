import { ActionIcon, Menu } from '@mantine/core';
import { IconArrowDown, IconArrowsSort, IconArrowUp } from '@tabler/icons-react';
import { visibleFields } from '../model/lookup.ts';
import { isSortable, type Sort } from '../model/sorting.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { FieldMenuItems } from './FieldMenuItems.tsx';

export function SortMenu({
  object,
  sort,
  onSort,
}: {
  object: ModelObject;
  sort: Sort | null;
  onSort: (sort: Sort | null) => void;
}) {
  const markOf = (field: ModelField) => {
    if (sort?.field !== field.name) return null;
    return sort.descending ? <IconArrowDown size={14} /> : <IconArrowUp size={14} />;
  };
  return (
    <Menu position="bottom-end" width={230}>
      <Menu.Target>
        <ActionIcon
          variant={sort ? 'light' : 'subtle'}
          color={sort ? 'pine' : 'gray'}
          size="md"
          aria-label="Sort"
          title="Sort"
        >
          <IconArrowsSort size={16} stroke={1.75} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown mah={420} style={{ overflow: 'auto' }}>
        <Menu.Item onClick={() => onSort(null)}>Newest first</Menu.Item>
        <Menu.Divider />
        <FieldMenuItems
          fields={visibleFields(object).filter(isSortable)}
          stayOpen
          markOf={markOf}
          onChoose={(field) =>
            onSort({ field: field.name, descending: sort?.field === field.name ? !sort.descending : false })
          }
        />
      </Menu.Dropdown>
    </Menu>
  );
}
