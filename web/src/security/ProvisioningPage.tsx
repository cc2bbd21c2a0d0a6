import { Alert, Button, Group, NumberInput, Select, Skeleton, Table } from '@mantine/core';
import { modals } from '@mantine/modals';
import { Link } from '@tanstack/react-router';
import { formatDay, formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
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

type Act = (problem: string, work: () => Promise<unknown>) => void;

/** A directory, such as Entra ID or Okta, that keeps the members of the workspace and their groups. */
export function ProvisioningPage() {
  const { answer, failure, again } = useInquiry('provisioning', askProvisioning);
  const act: Act = (problem, work) =>
    void work()
      .catch((cause: unknown) => announceFailure(problem, cause))
      .finally(again);
  return (
    <SecurityFrame label="Provisioning">
      {failure ? (
        <Alert color="red" role="alert">
          {failure.message} {failure.hint}
        </Alert>
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
        Connect a directory
      </h2>
      <div className={classes.rules}>
        <p className={classes.note}>
          A directory such as Entra ID or Okta keeps members and their groups by SCIM 2.0: who is taken on there is a
          member here, and who leaves is out at once. Give it this address and a token.
        </p>
        <Group gap={8} wrap="nowrap">
          <code className={classes.secret} aria-label="Address for the directory">
            {address}
          </code>
          <Copy text={address} label="Copy" />
        </Group>
        <p className={classes.note}>
          {domains.length === 0 ? (
            <>
              It makes members for approved domains only, and there is none yet: ask for the approval under{' '}
              <Link to="/settings/members">Members</Link>.
            </>
          ) : (
            `It makes members with addresses at ${domains.join(', ')}. ${users === 1 ? 'One member comes' : `${users} members come`} from it now.`
          )}
        </p>
      </div>
    </section>
  );
}

function Tokens({ tokens, act, again }: { tokens: ScimToken[]; act: Act; again: () => void }) {
  const add = () =>
    modals.open({
      title: 'New token for a directory',
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
      title: `Revoke “${name}”?`,
      children: 'The directory that uses it changes nothing here any more. Members that came by it stay.',
      labels: { confirm: 'Revoke', cancel: 'Keep it' },
      confirmProps: { color: 'red' },
      onConfirm: () => act(`“${name}” was not revoked`, () => revokeScimToken(id)),
    });
  return (
    <section className={classes.section} aria-labelledby="scim-tokens">
      <Group justify="space-between" mb={4}>
        <h2 className={classes.heading} id="scim-tokens">
          Tokens
        </h2>
        <Button variant={tokens.length === 0 ? 'filled' : 'default'} onClick={add}>
          New token
        </Button>
      </Group>
      {tokens.length === 0 ? (
        <p className={classes.note}>
          None yet. Whoever has one makes and removes members, so it belongs to the directory alone.
        </p>
      ) : (
        <div className={classes.scroll}>
          <Table className={settings.table}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Begins with</Table.Th>
                <Table.Th className={settings.wideOnly}>Made by</Table.Th>
                <Table.Th>Last used</Table.Th>
                <Table.Th>Expires</Table.Th>
                <Table.Th>
                  <span className="visually-hidden">Actions</span>
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
                  <Table.Td>{each.lastUsedAt ? formatRelative(each.lastUsedAt) : 'Never'}</Table.Td>
                  <Table.Td>{each.expiresAt ? formatDay(each.expiresAt.slice(0, 10)) : 'Never'}</Table.Td>
                  <Table.Td align="right">
                    <Button variant="default" aria-label={`Revoke ${each.name}`} onClick={() => revoke(each)}>
                      Revoke
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
        Groups of the directory
      </h2>
      {groups.length === 0 ? (
        <p className={classes.note}>
          None yet. Groups that the directory sends stand here, and you say which role or team each gives.
        </p>
      ) : (
        <>
          <p className={classes.note}>
            A member has one role: that of the group with the lowest order. Who is in none of them gets the default
            role.
          </p>
          <div className={classes.scroll}>
            <Table className={settings.table}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Group</Table.Th>
                  <Table.Th>Members</Table.Th>
                  <Table.Th>Role</Table.Th>
                  <Table.Th>Team</Table.Th>
                  <Table.Th>Order</Table.Th>
                  <Table.Th>
                    <span className="visually-hidden">Actions</span>
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
    act(`What “${displayName}” gives was not changed`, () => mapScimGroup({ ...group, ...change }));
  const remove = () =>
    modals.openConfirmModal({
      title: `Forget “${displayName}”?`,
      children: 'Its members lose what it gives. The directory makes it anew if it still has it.',
      labels: { confirm: 'Forget', cancel: 'Keep it' },
      confirmProps: { color: 'red' },
      onConfirm: () => act(`“${displayName}” was not forgotten`, () => removeScimGroup(group.id)),
    });
  const choices = (all: { id: string; name: string }[]) => all.map(({ id, name }) => ({ value: id, label: name }));
  return (
    <Table.Tr>
      <Table.Td>{displayName}</Table.Td>
      <Table.Td>{group.members}</Table.Td>
      <Table.Td>
        <Select
          aria-label={`Role that ${displayName} gives`}
          placeholder="None"
          className={classes.choice}
          data={choices(roles)}
          value={group.roleId}
          clearable
          onChange={(roleId) => map({ roleId })}
        />
      </Table.Td>
      <Table.Td>
        <Select
          aria-label={`Team that ${displayName} gives`}
          placeholder="None"
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
          aria-label={`Order of ${displayName}`}
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
        <Button variant="default" aria-label={`Forget ${displayName}`} onClick={remove}>
          Forget
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}
