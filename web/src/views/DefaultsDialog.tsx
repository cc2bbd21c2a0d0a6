import { Alert, Modal, Switch } from '@mantine/core';
import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import type { ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import people from '../settings/people/people.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { setDefaultView, type ObjectViews, type SavedView } from './savedViews.ts';
import classes from './views.module.css';
import { t } from '../language/t.ts';
import { roleText } from '../language/standard.ts';

const ROLES = gql<{ roles: { nodes: { id: string; name: string }[] } }, Record<string, never>>(
  'query Roles { roles(orderBy: [NAME_ASC]) { nodes { id name } } }',
);

interface DefaultsDialogProps {
  object: ModelObject;
  view: SavedView;
  known: ObjectViews;
  onClose: () => void;
}

/** For whom a view of the workspace shows first. What a member has chosen counts before it. */
export function DefaultsDialog({ object, view, known, onClose }: DefaultsDialogProps) {
  const roles = useInquiry('roles', () => requestMetadata(ROLES, {}));
  const line = (label: string, kind: 'ROLE' | 'WORKSPACE', id: string | null) => {
    const current = known.defaults.find((each) => each.principalKind === kind && each.principalId === id);
    const other =
      current && current.viewId !== view.id ? known.views.find(({ id: of }) => of === current.viewId) : null;
    const isOn = current?.viewId === view.id;
    return (
      <li key={id ?? 'workspace'}>
        <Switch
          label={label}
          description={other ? t('Now “{name}”', { name: other.name }) : undefined}
          checked={isOn}
          onChange={() =>
            setDefaultView(object.id, isOn ? null : view.id, kind, id).catch((cause: unknown) =>
              announceFailure(t('Not set'), cause),
            )
          }
        />
      </li>
    );
  };
  return (
    <Modal opened onClose={onClose} title={t('“{name}” shows first', { name: view.name })}>
      <p className={people.note}>
        {t('A role’s view counts before that of the workspace, and what a member chose before both.')}
      </p>
      {roles.failure ? (
        <Alert color="red" role="alert">
          {roles.failure.message}
        </Alert>
      ) : null}
      <ul className={classes.switches}>
        {line(t('For everybody'), 'WORKSPACE', null)}
        {roles.answer?.roles.nodes.map(({ id, name }) =>
          line(t('For the role {name}', { name: roleText(name) }), 'ROLE', id),
        )}
      </ul>
    </Modal>
  );
}
