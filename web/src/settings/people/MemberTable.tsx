import { ActionIcon, Menu, Select, Table } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconDots, IconEye, IconLock, IconLockOpen, IconUserMinus, IconUserScan } from '@tabler/icons-react';
import { Avatar } from '../../fields/Avatar.tsx';
import { formatRelative } from '../../model/dates.ts';
import { may } from '../../model/store.ts';
import { seeAs } from '../../seeing/seeing.ts';
import { useEntrance } from '../../session/entrance.ts';
import classes from '../settings.module.css';
import { actAsMember } from './ActAsMember.tsx';
import type { Act } from '../act.ts';
import { removeMember, setMemberActive, setMemberRole, type Member, type People } from './people.ts';
import own from './people.module.css';
import { t } from '../../language/t.ts';

export function MemberTable({ people: { members, roles, mayAct }, act }: { people: People; act: Act }) {
  const options = useEntrance();
  return (
    <section aria-labelledby="members-heading">
      <h2 id="members-heading" className={own.heading}>
        {t('Members')}
      </h2>
      <Table className={classes.table} aria-labelledby="members-heading">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('Member')}</Table.Th>
            <Table.Th>{t('Role')}</Table.Th>
            <Table.Th className={classes.wideOnly}>{t('Last seen')}</Table.Th>
            <Table.Th>
              <span className="visually-hidden">{t('Actions')}</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {members.map((member) => (
            <Table.Tr key={member.id} className={classes.row} data-inactive={member.isActive ? undefined : true}>
              <Table.Td>
                <span className={own.person}>
                  {member.avatarUrl ? (
                    <img src={member.avatarUrl} alt="" className={own.photo} />
                  ) : (
                    <Avatar label={member.name || member.email} seed={member.id} size={30} round />
                  )}
                  <span className={own.lines}>
                    <strong>
                      {member.isMe
                        ? t('{name} (you)', { name: member.name || member.email })
                        : `${member.name || member.email}`}
                    </strong>
                    <small>
                      <EmailAddress address={member.email} />
                      {member.isEmailVerified || !options?.mustProveEmail ? '' : ` · ${t('not confirmed')}`}
                      {member.isActive ? '' : ` · ${t('deactivated')}`}
                    </small>
                  </span>
                </span>
              </Table.Td>
              <Table.Td>
                <Select
                  className={own.role}
                  aria-label={t('Role of {name}', { name: member.name || member.email })}
                  data={roles.map(({ id, name }) => ({ value: id, label: name }))}
                  value={member.roleId}
                  allowDeselect={false}
                  comboboxProps={{ width: 200, position: 'bottom-start' }}
                  onChange={(roleId) => {
                    if (roleId && roleId !== member.roleId)
                      void act(t('The role was not changed'), () => setMemberRole(member.id, roleId));
                  }}
                />
              </Table.Td>
              <Table.Td className={classes.wideOnly}>
                {member.lastSeenAt ? formatRelative(member.lastSeenAt) : t('Never')}
              </Table.Td>
              <Table.Td align="right">
                <MemberMenu member={member} act={act} mayActAs={mayAct && member.isActive && !member.isMe} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  );
}

/** Where there is no room it breaks before the domain rather than within a word. */
function EmailAddress({ address }: { address: string }) {
  const at = address.lastIndexOf('@');
  return (
    <>
      {address.slice(0, at)}
      <wbr />
      {address.slice(at)}
    </>
  );
}

function MemberMenu({ member, act, mayActAs }: { member: Member; act: Act; mayActAs: boolean }) {
  const name = member.name || member.email;
  const deactivate = () =>
    modals.openConfirmModal({
      title: t('Deactivate {name}?', { name }),
      children: t(
        '{name} is signed out everywhere and cannot enter any more. Records go on naming {name}, and you can reactivate the member at any time.',
        { name },
      ),
      labels: { confirm: t('Deactivate'), cancel: t('Cancel') },
      onConfirm: () => void act(t('{name} was not deactivated', { name }), () => setMemberActive(member.id, false)),
    });
  const remove = () =>
    modals.openConfirmModal({
      title: t('Remove {name} from the workspace?', { name }),
      children: t(
        'What {name} wrote stays. Records that name {name} as owner or assignee will name nobody. Views of {name}’s own go to those who keep the views for everybody. To keep all of that, deactivate the member instead.',
        { name },
      ),
      labels: { confirm: t('Remove'), cancel: t('Cancel') },
      confirmProps: { color: 'red' },
      onConfirm: () => void act(t('{name} was not removed', { name }), () => removeMember(member.id)),
    });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t('Actions for {name}', { name })}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {mayActAs ? (
          <Menu.Item leftSection={<IconUserScan size={15} />} onClick={() => actAsMember(member)}>
            {t('Act as this member…')}
          </Menu.Item>
        ) : null}
        {member.isActive && !member.isMe && may('ROLES') ? (
          <Menu.Item
            leftSection={<IconEye size={15} />}
            onClick={() =>
              void act(t('Relvar is not shown as to {name}', { name }), () => seeAs({ memberId: member.id }))
            }
          >
            {t('See as {name}', { name })}
          </Menu.Item>
        ) : null}
        {member.isActive ? (
          <Menu.Item leftSection={<IconLock size={15} />} onClick={deactivate}>
            {t('Deactivate')}
          </Menu.Item>
        ) : (
          <Menu.Item
            leftSection={<IconLockOpen size={15} />}
            onClick={() => void act(t('{name} was not reactivated', { name }), () => setMemberActive(member.id, true))}
          >
            {t('Reactivate')}
          </Menu.Item>
        )}
        <Menu.Item color="red" leftSection={<IconUserMinus size={15} />} onClick={remove}>
          {t('Remove')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
