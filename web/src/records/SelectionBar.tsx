import { Button } from '@mantine/core';
import { IconShare2, IconTrash, IconX } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import { useStore } from 'zustand';
import type { GridStore } from '../grid/store.ts';
import type { ModelObject } from '../model/types.ts';
import { rightsOf } from '../model/permissions.ts';
import classes from './records.module.css';

const ShareDialog = lazy(() =>
  import('../sharing/ShareDialog.tsx').then(({ ShareDialog: Dialog }) => ({ default: Dialog })),
);

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
  const [sharing, setSharing] = useState<string[] | null>(null);
  if (selected.size === 0) return null;
  const rights = rightsOf(object);
  return (
    <div className={classes.selection} role="region" aria-label="Selection">
      <span className={classes.selectionCount}>
        {selected.size} {selected.size === 1 ? object.labelSingular.toLowerCase() : object.labelPlural.toLowerCase()}{' '}
        selected
      </span>
      {rights.canUpdate ? (
        <Button variant="light" leftSection={<IconShare2 size={14} />} onClick={() => setSharing([...selected])}>
          Share
        </Button>
      ) : null}
      {rights.canDelete ? (
        <Button
          variant="light"
          color="red"
          leftSection={<IconTrash size={14} />}
          onClick={() => void onDelete([...selected])}
        >
          Delete
        </Button>
      ) : null}
      {sharing ? (
        <Suspense fallback={null}>
          <ShareDialog object={object} ids={sharing} onClose={() => setSharing(null)} />
        </Suspense>
      ) : null}
      <Button variant="subtle" color="gray" leftSection={<IconX size={14} />} onClick={() => grid.setSelected([])}>
        Clear
      </Button>
    </div>
  );
}
