import { Alert, Badge, Button, Group, Menu, Skeleton, Switch, Table } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconDots } from '@tabler/icons-react';
import { formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { AppForm } from './AppForm.tsx';
import {
  allowsOtherApps,
  apps,
  deleteApp,
  disconnectApp,
  judgeApp,
  rolesFor,
  rotateAppSecret,
  setAllowsOtherApps,
  type App,
} from './calls.ts';
import { SecurityFrame } from './SecurityFrame.tsx';
import { AppSecret } from './AppSecret.tsx';
import classes from './security.module.css';

/** Apps of the workspace and those that registered themselves, for those who keep its keys. */
export function AppsPage() {
  const { answer, failure, again } = useInquiry('apps', apps);
  const choices = useInquiry('roles', () => rolesFor('APPLICATIONS'));
  const edit = (app: App | null) =>
    modals.open({
      title: app ? app.name : 'New app',
      onClose: again,
      children: <AppForm app={app} roles={choices.answer ?? []} onDone={() => modals.closeAll()} />,
    });
  const own = answer?.filter(({ isOwn }) => isOwn) ?? [];
  const others = answer?.filter(({ isOwn }) => !isOwn) ?? [];
  return (
    <SecurityFrame label="Apps">
      <section className={classes.section} aria-labelledby="own-apps">
        <Group justify="space-between" mb={4}>
          <h2 className={classes.heading} id="own-apps">
            Apps of this workspace
          </h2>
          {answer ? (
            <Button onClick={() => edit(null)} disabled={!choices.answer}>
              New app
            </Button>
          ) : null}
        </Group>
        {failure ? (
          <Alert color="red" role="alert">
            {failure.message} {failure.hint}
          </Alert>
        ) : !answer ? (
          <Skeleton height={120} />
        ) : own.length === 0 ? (
          <p className={classes.note}>
            None yet. Register an app that you write or run: members let it act for them, or it acts for itself with a
            role.
          </p>
        ) : (
          <AppTable apps={own} onEdit={edit} onChanged={again} />
        )}
      </section>
      {answer ? (
        <section className={classes.section} aria-labelledby="other-apps">
          <h2 className={classes.heading} id="other-apps">
            Apps that registered themselves
          </h2>
          <OtherApps onChanged={again} />
          {others.length === 0 ? (
            <p className={classes.note}>No member has let one in.</p>
          ) : (
            <AppTable apps={others} onChanged={again} />
          )}
        </section>
      ) : null}
    </SecurityFrame>
  );
}

/** Whether members decide about apps that nobody here knows. */
function OtherApps({ onChanged }: { onChanged: () => void }) {
  const { answer, again } = useInquiry('other apps', allowsOtherApps);
  const set = (allows: boolean) =>
    void setAllowsOtherApps(allows)
      .catch((cause: unknown) => announceFailure('This was not changed', cause))
      .finally(() => {
        again();
        onChanged();
      });
  return (
    <Switch
      my={10}
      label="Members may let in apps that registered themselves"
      description="Assistants and other MCP clients do. Turned off, only those that are allowed below get in."
      checked={answer ?? false}
      disabled={answer === null}
      onChange={(event) => set(event.currentTarget.checked)}
    />
  );
}

interface AppTableProps {
  apps: App[];
  onEdit?: (app: App) => void;
  onChanged: () => void;
}

function AppTable({ apps: listed, onEdit, onChanged }: AppTableProps) {
  const attempt = (work: Promise<unknown>, problem: string) =>
    void work.catch((cause: unknown) => announceFailure(problem, cause)).finally(onChanged);
  const rotate = (app: App) =>
    modals.openConfirmModal({
      title: `New secret for “${app.name}”?`,
      children: 'The present one is refused from now on.',
      labels: { confirm: 'Make a new one', cancel: 'Keep it' },
      onConfirm: () =>
        attempt(
          rotateAppSecret(app.id).then((made) => {
            modals.open({ title: app.name, children: <AppSecret app={made} onDone={() => modals.closeAll()} /> });
          }),
          'The secret was not changed',
        ),
    });
  const remove = (app: App) =>
    modals.openConfirmModal({
      title: app.isOwn ? `Delete “${app.name}”?` : `Disconnect “${app.name}” for everybody?`,
      children:
        app.members.length === 0
          ? 'Nobody uses it.'
          : `It stops at once for ${app.members.map(({ name }) => name).join(', ')}.`,
      labels: { confirm: app.isOwn ? 'Delete' : 'Disconnect', cancel: 'Keep it' },
      confirmProps: { color: 'red' },
      onConfirm: () => attempt(deleteApp(app.id), `“${app.name}” was not deleted`),
    });
  return (
    <div className={classes.scroll}>
      <Table className={settings.table}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th className={settings.wideOnly}>Sends people to</Table.Th>
            <Table.Th>Acts as</Table.Th>
            <Table.Th>Last used</Table.Th>
            <Table.Th>
              <span className="visually-hidden">Actions</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {listed.map((app) => (
            <Table.Tr key={app.id}>
              <Table.Td>
                {app.name} <State app={app} />
              </Table.Td>
              <Table.Td className={settings.wideOnly}>{app.redirectUris.map(hostOf).join(', ') || '–'}</Table.Td>
              <Table.Td>{actsAs(app)}</Table.Td>
              <Table.Td>{app.lastUsedAt ? formatRelative(app.lastUsedAt) : 'Never'}</Table.Td>
              <Table.Td align="right">
                <Menu position="bottom-end">
                  <Menu.Target>
                    <Button variant="default" px={8} aria-label={`Actions of ${app.name}`}>
                      <IconDots size={16} aria-hidden />
                    </Button>
                  </Menu.Target>
                  <Menu.Dropdown>
                    {onEdit ? <Menu.Item onClick={() => onEdit(app)}>Change</Menu.Item> : null}
                    {app.isOwn && app.isConfidential ? (
                      <Menu.Item onClick={() => rotate(app)}>New secret</Menu.Item>
                    ) : null}
                    {app.isAllowed !== true && !(app.isOwn && app.isLetIn) ? (
                      <Menu.Item
                        onClick={() => attempt(judgeApp(app.id, app.isOwn ? null : true), 'It was not allowed')}
                      >
                        Allow
                      </Menu.Item>
                    ) : null}
                    {app.isAllowed !== false ? (
                      <Menu.Item onClick={() => attempt(judgeApp(app.id, false), 'It was not blocked')}>
                        Block
                      </Menu.Item>
                    ) : null}
                    {app.members.slice(0, MOST_NAMED).map((member) => (
                      <Menu.Item
                        key={member.id}
                        onClick={() => attempt(disconnectApp(app.id, member.id), 'It was not disconnected')}
                      >
                        Disconnect {member.name}
                      </Menu.Item>
                    ))}
                    <Menu.Item color="red" onClick={() => remove(app)}>
                      {app.isOwn ? 'Delete' : 'Disconnect for everybody'}
                    </Menu.Item>
                  </Menu.Dropdown>
                </Menu>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function State({ app }: { app: App }) {
  if (!app.isLetIn)
    return (
      <Badge variant="light" color="red" size="sm">
        {app.isAllowed === false ? 'Blocked' : 'Not let in'}
      </Badge>
    );
  return app.isOwn || app.isAllowed ? null : (
    <Badge variant="light" color="yellow" size="sm">
      Not verified
    </Badge>
  );
}

/** Members whom a menu lists one by one; the whole app can be ended for any number. */
const MOST_NAMED = 8;

const hostOf = (uri: string): string => {
  const url = new URL(uri);
  return url.protocol === 'https:' ? url.host : url.protocol === 'http:' ? 'this computer' : `${url.protocol}//`;
};

const actsAs = ({ role, members }: App): string =>
  [...(role ? [`Itself (${role})`] : []), ...members.map(({ name }) => name)].join(', ') || '–';
