import { Button, Skeleton, Table } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { may } from '../../model/store.ts';
import { PeopleFrame } from '../people/PeopleFrame.tsx';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import classes from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import { NewRole } from './NewRole.tsx';
import { askRoles, type Role, type Roles } from './roles.ts';
import { t } from '../../language/t.ts';

function RoleRow({ all, role }: { all: Roles; role: Role }) {
  const members = all.members.filter((member) => member.roleId === role.id);
  const included = all.includes
    .filter((each) => each.roleId === role.id)
    .flatMap((each) => all.roles.find((other) => other.id === each.includedRoleId)?.name ?? []);
  return (
    <Table.Tr className={classes.row}>
      <Table.Td>
        <Link to="/settings/roles/$roleId" params={{ roleId: role.id }} className={classes.name}>
          {role.name}
        </Link>{' '}
        {role.isSystem ? <span className={classes.badge}>{t('System')}</span> : null}{' '}
        {role.id === all.defaultRoleId ? <span className={classes.badge}>{t('Default')}</span> : null}
        {role.description ? <div className={classes.dim}>{role.description}</div> : null}
      </Table.Td>
      <Table.Td className={classes.wideOnly}>{included.length > 0 ? included.join(', ') : '–'}</Table.Td>
      <Table.Td ta="right" title={members.map((member) => member.name || member.email).join(', ')}>
        {may('WORKSPACE_MEMBERS') ? members.length : '–'}
      </Table.Td>
    </Table.Tr>
  );
}

export function RolesPage() {
  const { answer, failure, again } = useInquiry('roles', askRoles);
  const [creating, setCreating] = useState(false);
  return (
    <PeopleFrame
      label={t('Roles')}
      actions={
        answer ? (
          <Button leftSection={<IconPlus size={14} stroke={2.2} />} onClick={() => setCreating(true)}>
            {t('New role')}
          </Button>
        ) : null
      }
    >
      <div className={classes.inner}>
        <p className={classes.intro}>
          {t(
            'Each role is a role of PostgreSQL: what it may not do is refused in the app, in the API and in psql alike.',
          )}
        </p>
        {failure ? (
          <ReadFailure what={t('Roles')} failure={failure} onRetry={again} />
        ) : answer ? (
          <Table highlightOnHover className={classes.table} aria-label={t('Roles')}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('Role')}</Table.Th>
                <Table.Th className={classes.wideOnly}>{t('Includes')}</Table.Th>
                <Table.Th ta="right">{t('Members')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {answer.roles.map((role) => (
                <RoleRow key={role.id} all={answer} role={role} />
              ))}
            </Table.Tbody>
          </Table>
        ) : (
          <Skeleton height={200} />
        )}
      </div>
      {creating && answer ? <NewRole all={answer} onClose={() => setCreating(false)} /> : null}
    </PeopleFrame>
  );
}
