import { ActionIcon, Menu } from '@mantine/core';
import { IconArrowDown, IconArrowsSort, IconArrowUp } from '@tabler/icons-react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { visibleFields } from '../model/lookup.ts';
import { isSortable, type Sort } from '../model/sorting.ts';
import type { ModelObject } from '../model/types.ts';

export function SortMenu({
  object,
  sort,
  onSort,
}: {
  object: ModelObject;
  sort: Sort | null;
  onSort: (sort: Sort | null) => void;
}) {
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
        {visibleFields(object)
          .filter(isSortable)
          .map((field) => {
            const TypeIcon = FIELD_TYPES[field.type].icon;
            const current = sort?.field === field.name;
            return (
              <Menu.Item
                key={field.id}
                leftSection={<TypeIcon size={14} />}
                rightSection={
                  current ? sort.descending ? <IconArrowDown size={14} /> : <IconArrowUp size={14} /> : null
                }
                onClick={() => onSort({ field: field.name, descending: current ? !sort.descending : false })}
                closeMenuOnClick={false}
              >
                {field.label}
              </Menu.Item>
            );
          })}
      </Menu.Dropdown>
    </Menu>
  );
}
