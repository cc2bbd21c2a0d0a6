import { Button, Group, NumberInput, Select, Skeleton, Table } from '@mantine/core';
import { modals } from '@mantine/modals';
import { Link } from '@tanstack/react-router';
import { formatDay, formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { NewKeyForm } from './NewKeyForm.tsx';
import {
  askProvisioning,
  createScimToken,
  mapScimGroup,
  removeScimGroup,
  revokeScimToken,
  type Provisioning,
  type ScimGroup,
  type ScimToken,
} from './provisioning.ts';
import { Copy } from './Secret.tsx';
import { SecurityFrame } from './SecurityFrame.tsx';
import classes from './security.module.css';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

type Act = (problem: string, work: () => Promise<unknown>) => void;

/** A directory, such as Entra ID or Okta, that keeps the members of the workspace and their groups. */
export function ProvisioningPage() {
  const { answer, failure, again } = useInquiry('provisioning', askProvisioning);
  const act: Act = (problem, work) =>
    void work()
      .catch((cause: unknown) => announceFailure(problem, cause))
      .finally(again);
  return (
    <SecurityFrame label={t('Provisioning')}>
      {failure ? (
        <ReadFailure what={t('Provisioning')} failure={failure} onRetry={again} />
      ) : !answer ? (
        <Skeleton height={240} />
      ) : (
        <>
          <Connection provisioning={answer} />
          <Tokens tokens={answer.tokens} act={act} again={again} />
          <Groups provisioning={answer} act={act} />
        </>
      )}
    </SecurityFrame>
  );
}

function Connection({ provisioning: { users, domains } }: { provisioning: Provisioning }) {
  const address = `${window.location.origin}/scim/v2`;
  return (
    <section className={classes.section} aria-labelledby="connection">
      <h2 className={classes.heading} id="connection">
        {t('Connect a directory')}
      </h2>
      <div className={classes.rules}>
        <p className={classes.note}>
          {t(
            'A directory such as Entra ID or Okta keeps members and their groups by SCIM 2.0: who is taken on there is a member here, and who leaves is out at once. Give it this address and a token.',
          )}
        </p>
        <Group gap={8} wrap="nowrap">
          <code className={classes.secret} aria-label={t('Address for the directory')}>
            {address}
          </code>
          <Copy text={address} label={t('Copy')} />
        </Group>
        <p className={classes.note}>
          {domains.length === 0 ? (
            <>
              <Trans
                text={
                  'It makes members for approved domains only, and there is none yet: ask for the approval under <0>Members</0>.'
                }
                tags={{ 0: <Link to="/settings/members" /> }}
              />
            </>
          ) : (
            t(
              '{users, plural, one {It makes members with addresses at {domains}. One member comes from it now.} other {It makes members with addresses at {domains}. # members come from it now.}}',
              { users, domains: domains.join(', ') },
            )
          )}
        </p>
      </div>
    </section>
  );
}

function Tokens({ tokens, act, again }: { tokens: ScimToken[]; act: Act; again: () => void }) {
  const add = () =>
    modals.open({
      title: t('New token for a directory'),
      onClose: again,
      children: (
        <NewKeyForm
          create={({ name, expiresAt }) => createScimToken({ name, expiresAt })}
          onDone={() => modals.closeAll()}
        />
      ),
    });
  const revoke = ({ id, name }: ScimToken) =>
    modals.openConfirmModal({
      title: t('Revoke “{name}”?', { name }),
      children: t('The directory that uses it changes nothing here any more. Members that came by it stay.'),
      labels: { confirm: t('Revoke'), cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () => act(t('“{name}” was not revoked', { name }), () => revokeScimToken(id)),
    });
  return (
    <section className={classes.section} aria-labelledby="scim-tokens">
      <Group justify="space-between" mb={4}>
        <h2 className={classes.heading} id="scim-tokens">
          {t('Tokens')}
        </h2>
        <Button variant={tokens.length === 0 ? 'filled' : 'default'} onClick={add}>
          {t('New token')}
        </Button>
      </Group>
      {tokens.length === 0 ? (
        <p className={classes.note}>
          {t('None yet. Whoever has one makes and removes members, so it belongs to the directory alone.')}
        </p>
      ) : (
        <div className={classes.scroll}>
          <Table className={settings.table}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('Name')}</Table.Th>
                <Table.Th>{t('Begins with')}</Table.Th>
                <Table.Th className={settings.wideOnly}>{t('Made by')}</Table.Th>
                <Table.Th>{t('Last used')}</Table.Th>
                <Table.Th>{t('Expires')}</Table.Th>
                <Table.Th>
                  <span className="visually-hidden">{t('Actions')}</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {tokens.map((each) => (
                <Table.Tr key={each.id}>
                  <Table.Td>{each.name}</Table.Td>
                  <Table.Td>
                    <code>{each.prefix}…</code>
                  </Table.Td>
                  <Table.Td className={settings.wideOnly}>{each.createdByName ?? '–'}</Table.Td>
                  <Table.Td>{each.lastUsedAt ? formatRelative(each.lastUsedAt) : t('Never')}</Table.Td>
                  <Table.Td>{each.expiresAt ? formatDay(each.expiresAt.slice(0, 10)) : t('Never')}</Table.Td>
                  <Table.Td align="right">
                    <Button
                      variant="default"
                      aria-label={t('Revoke {name}', { name: each.name })}
                      onClick={() => revoke(each)}
                    >
                      {t('Revoke')}
                    </Button>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  );
}

function Groups({ provisioning, act }: { provisioning: Provisioning; act: Act }) {
  const { groups } = provisioning;
  return (
    <section className={classes.section} aria-labelledby="scim-groups">
      <h2 className={classes.heading} id="scim-groups">
        {t('Groups of the directory')}
      </h2>
      {groups.length === 0 ? (
        <p className={classes.note}>
          {t('None yet. Groups that the directory sends stand here, and you say which role or team each gives.')}
        </p>
      ) : (
        <>
          <p className={classes.note}>
            {t(
              'A member has one role: that of the group with the lowest order. Who is in none of them gets the default role.',
            )}
          </p>
          <div className={classes.scroll}>
            <Table className={settings.table}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('Group')}</Table.Th>
                  <Table.Th>{t('Members')}</Table.Th>
                  <Table.Th>{t('Role')}</Table.Th>
                  <Table.Th>{t('Team')}</Table.Th>
                  <Table.Th>{t('Order')}</Table.Th>
                  <Table.Th>
                    <span className="visually-hidden">{t('Actions')}</span>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {groups.map((group) => (
                  <GroupRow key={group.id} group={group} provisioning={provisioning} act={act} />
                ))}
              </Table.Tbody>
            </Table>
          </div>
        </>
      )}
    </section>
  );
}

interface GroupRowProps {
  group: ScimGroup;
  provisioning: Provisioning;
  act: Act;
}

function GroupRow({ group, provisioning: { roles, teams }, act }: GroupRowProps) {
  const { displayName } = group;
  const map = (change: Partial<ScimGroup>) =>
    act(t('What “{displayName}” gives was not changed', { displayName }), () => mapScimGroup({ ...group, ...change }));
  const remove = () =>
    modals.openConfirmModal({
      title: t('Forget “{displayName}”?', { displayName }),
      children: t('Its members lose what it gives. The directory makes it anew if it still has it.'),
      labels: { confirm: t('Forget'), cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () => act(t('“{displayName}” was not forgotten', { displayName }), () => removeScimGroup(group.id)),
    });
  const choices = (all: { id: string; name: string }[]) => all.map(({ id, name }) => ({ value: id, label: name }));
  return (
    <Table.Tr>
      <Table.Td>{displayName}</Table.Td>
      <Table.Td>{group.members}</Table.Td>
      <Table.Td>
        <Select
          aria-label={t('Role that {displayName} gives', { displayName })}
          placeholder={t('None')}
          className={classes.choice}
          data={choices(roles)}
          value={group.roleId}
          clearable
          onChange={(roleId) => map({ roleId })}
        />
      </Table.Td>
      <Table.Td>
        <Select
          aria-label={t('Team that {displayName} gives', { displayName })}
          placeholder={t('None')}
          className={classes.choice}
          data={choices(teams)}
          value={group.teamId}
          clearable
          onChange={(teamId) => map({ teamId })}
        />
      </Table.Td>
      <Table.Td>
        <NumberInput
          key={group.position}
          aria-label={t('Order of {displayName}', { displayName })}
          className={classes.order}
          defaultValue={group.position}
          allowDecimal={false}
          min={-1000}
          max={1000}
          onBlur={(event) => {
            const position = Number(event.currentTarget.value);
            if (Number.isInteger(position) && position !== group.position) map({ position });
          }}
        />
      </Table.Td>
      <Table.Td align="right">
        <Button variant="default" aria-label={t('Forget {displayName}', { displayName })} onClick={remove}>
          {t('Forget')}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}
