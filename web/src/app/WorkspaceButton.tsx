import { IconSelector } from '@tabler/icons-react';
import type { ComponentPropsWithRef } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import { useModel } from '../model/store.ts';
import classes from './Shell.module.css';

export function WorkspaceButton(props: ComponentPropsWithRef<'button'>) {
  const { workspace } = useModel();
  return (
    <button type="button" {...props} className={classes.workspace}>
      <Avatar label={workspace.name} seed={workspace.id} size={22} />
      <span className={classes.workspaceName}>{workspace.name}</span>
      <IconSelector size={14} aria-hidden />
    </button>
  );
}
