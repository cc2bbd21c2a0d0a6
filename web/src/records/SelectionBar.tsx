import { Button } from '@mantine/core';
import { IconTrash, IconX } from '@tabler/icons-react';
import { useStore } from 'zustand';
import type { GridStore } from '../grid/store.ts';
import type { ModelObject } from '../model/types.ts';
import classes from './records.module.css';

export function SelectionBar({
  object,
  grid,
  onDelete,
}: {
  object: ModelObject;
  grid: GridStore;
  onDelete: (ids: string[]) => Promise<void>;
}) {
  const selected = useStore(grid, (state) => state.selected);
  if (selected.size === 0) return null;
  return (
    <div className={classes.selection} role="region" aria-label="Selection">
      <span className={classes.selectionCount}>
        {selected.size} {selected.size === 1 ? object.labelSingular.toLowerCase() : object.labelPlural.toLowerCase()}{' '}
        selected
      </span>
      <Button
        variant="light"
        color="red"
        leftSection={<IconTrash size={14} />}
        onClick={() => void onDelete([...selected])}
      >
        Delete
      </Button>
      <Button variant="subtle" color="gray" leftSection={<IconX size={14} />} onClick={() => grid.setSelected([])}>
        Clear
      </Button>
    </div>
  );
}
