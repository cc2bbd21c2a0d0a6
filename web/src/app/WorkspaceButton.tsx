import { IconSelector } from '@tabler/icons-react';
import type { ComponentPropsWithRef } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import { useModel } from '../model/store.ts';
import { useSession } from '../session/session.ts';
import classes from './Shell.module.css';

export function WorkspaceButton(props: ComponentPropsWithRef<'button'>) {
  const { workspace } = useModel();
  // A workspace has another name without another model.
  const name = useSession((state) => state.identity?.workspace.name) ?? workspace.name;
  return (
    <button type="button" {...props} className={classes.workspace}>
      <Avatar label={name} seed={workspace.id} size={22} />
      <span className={classes.workspaceName}>{name}</span>
      <IconSelector size={14} aria-hidden />
    </button>
  );
}
