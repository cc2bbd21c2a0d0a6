import { Button } from '@mantine/core';
import { IconGitMerge, IconShare2, IconTrash, IconX } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import { useStore } from 'zustand';
import type { GridStore } from '../grid/store.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { rightsOf } from '../model/permissions.ts';
import classes from './records.module.css';

const ShareDialog = lazy(() =>
  import('../sharing/ShareDialog.tsx').then(({ ShareDialog: Dialog }) => ({ default: Dialog })),
);

const MergeDialog = lazy(async () => ({ default: (await import('../merge/MergeDialog.tsx')).MergeDialog }));

const MERGED_AT_MOST = 9;

export function SelectionBar({
  model,
  object,
  grid,
  onDelete,
  onMerged,
}: {
  model: Model;
  object: ModelObject;
  grid: GridStore;
  onDelete: (ids: string[]) => Promise<void>;
  /** After a merge, or after one was taken back. */
  onMerged: () => void;
}) {
  const selected = useStore(grid, (state) => state.selected);
  const [merging, setMerging] = useState<string[] | null>(null);
  const [sharing, setSharing] = useState<string[] | null>(null);
  if (selected.size === 0 && !merging) return null;
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
      {rights.canUpdate && rights.canDelete && selected.size >= 2 && selected.size <= MERGED_AT_MOST ? (
        <Button variant="light" leftSection={<IconGitMerge size={14} />} onClick={() => setMerging([...selected])}>
          Merge
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
      {merging ? (
        <Suspense fallback={null}>
          <MergeDialog
            model={model}
            object={object}
            ids={merging}
            onClose={() => setMerging(null)}
            onMerged={(survivorId) => {
              grid.setSelected([survivorId]);
              onMerged();
            }}
            onUndone={onMerged}
          />
        </Suspense>
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
