import { Badge, Button, Group, Menu, Skeleton, Switch, Table } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconDots } from '@tabler/icons-react';
import { formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
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
import { t } from '../language/t.ts';

/** Apps of the workspace and those that registered themselves, for those who keep its keys. */
export function AppsPage() {
  const { answer, failure, again } = useInquiry('apps', apps);
  const choices = useInquiry('roles', () => rolesFor('APPLICATIONS'));
  const edit = (app: App | null) =>
    modals.open({
      title: app ? app.name : t('New app'),
      onClose: again,
      children: <AppForm app={app} roles={choices.answer ?? []} onDone={() => modals.closeAll()} />,
    });
  const own = answer?.filter(({ isOwn }) => isOwn) ?? [];
  const others = answer?.filter(({ isOwn }) => !isOwn) ?? [];
  return (
    <SecurityFrame label={t('Apps')}>
      <section className={classes.section} aria-labelledby="own-apps">
        <Group justify="space-between" mb={4}>
          <h2 className={classes.heading} id="own-apps">
            {t('Apps of this workspace')}
          </h2>
          {answer ? (
            <Button onClick={() => edit(null)} disabled={!choices.answer}>
              {t('New app')}
            </Button>
          ) : null}
        </Group>
        {failure ? (
          <ReadFailure what={t('Apps')} failure={failure} onRetry={again} />
        ) : !answer ? (
          <Skeleton height={120} />
        ) : own.length === 0 ? (
          <p className={classes.note}>
            {t(
              'None yet. Register an app that you write or run: members let it act for them, or it acts for itself with a role.',
            )}
          </p>
        ) : (
          <AppTable apps={own} onEdit={edit} onChanged={again} />
        )}
        {choices.failure ? <ReadFailure what={t('Roles')} failure={choices.failure} onRetry={choices.again} /> : null}
      </section>
      {answer ? (
        <section className={classes.section} aria-labelledby="other-apps">
          <h2 className={classes.heading} id="other-apps">
            {t('Apps that registered themselves')}
          </h2>
          <OtherApps onChanged={again} />
          {others.length === 0 ? (
            <p className={classes.note}>{t('No member has let one in.')}</p>
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
  const { answer, failure, again } = useInquiry('other apps', allowsOtherApps);
  const set = (allows: boolean) =>
    void setAllowsOtherApps(allows)
      .catch((cause: unknown) => announceFailure(t('This was not changed'), cause))
      .finally(() => {
        again();
        onChanged();
      });
  if (failure) return <ReadFailure what={t('This setting')} failure={failure} onRetry={again} />;
  return (
    <Switch
      my={10}
      label={t('Members may let in apps that registered themselves')}
      description={t('Assistants and other MCP clients do. Turned off, only those that are allowed below get in.')}
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
      title: t('New secret for “{name}”?', { name: app.name }),
      children: t('The present one is refused from now on.'),
      labels: { confirm: t('Make a new one'), cancel: t('Keep it') },
      onConfirm: () =>
        attempt(
          rotateAppSecret(app.id).then((made) => {
            modals.open({ title: app.name, children: <AppSecret app={made} onDone={() => modals.closeAll()} /> });
          }),
          t('The secret was not changed'),
        ),
    });
  const remove = (app: App) =>
    modals.openConfirmModal({
      title: app.isOwn
        ? t('Delete “{name}”?', { name: app.name })
        : t('Disconnect “{name}” for everybody?', { name: app.name }),
      children:
        app.members.length === 0
          ? t('Nobody uses it.')
          : t('It stops at once for {members}.', { members: app.members.map(({ name }) => name).join(', ') }),
      labels: { confirm: app.isOwn ? 'Delete' : t('Disconnect'), cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () => attempt(deleteApp(app.id), t('“{name}” was not deleted', { name: app.name })),
    });
  return (
    <div className={classes.scroll}>
      <Table className={settings.table}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('Name')}</Table.Th>
            <Table.Th className={settings.wideOnly}>{t('Sends people to')}</Table.Th>
            <Table.Th>{t('Acts as')}</Table.Th>
            <Table.Th>{t('Last used')}</Table.Th>
            <Table.Th>
              <span className="visually-hidden">{t('Actions')}</span>
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
              <Table.Td>{app.lastUsedAt ? formatRelative(app.lastUsedAt) : t('Never')}</Table.Td>
              <Table.Td align="right">
                <Menu position="bottom-end">
                  <Menu.Target>
                    <Button variant="default" px={8} aria-label={t('Actions of {name}', { name: app.name })}>
                      <IconDots size={16} aria-hidden />
                    </Button>
                  </Menu.Target>
                  <Menu.Dropdown>
                    {onEdit ? <Menu.Item onClick={() => onEdit(app)}>{t('Change')}</Menu.Item> : null}
                    {app.isOwn && app.isConfidential ? (
                      <Menu.Item onClick={() => rotate(app)}>{t('New secret')}</Menu.Item>
                    ) : null}
                    {app.isAllowed !== true && !(app.isOwn && app.isLetIn) ? (
                      <Menu.Item
                        onClick={() => attempt(judgeApp(app.id, app.isOwn ? null : true), t('It was not allowed'))}
                      >
                        {t('Allow')}
                      </Menu.Item>
                    ) : null}
                    {app.isAllowed !== false ? (
                      <Menu.Item onClick={() => attempt(judgeApp(app.id, false), t('It was not blocked'))}>
                        {t('Block')}
                      </Menu.Item>
                    ) : null}
                    {app.members.slice(0, MOST_NAMED).map((member) => (
                      <Menu.Item
                        key={member.id}
                        onClick={() => attempt(disconnectApp(app.id, member.id), t('It was not disconnected'))}
                      >
                        {t('Disconnect {name}', { name: member.name })}
                      </Menu.Item>
                    ))}
                    <Menu.Item color="red" onClick={() => remove(app)}>
                      {app.isOwn ? 'Delete' : t('Disconnect for everybody')}
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
        {app.isAllowed === false ? t('Blocked') : t('Not let in')}
      </Badge>
    );
  return app.isOwn || app.isAllowed ? null : (
    <Badge variant="light" color="yellow" size="sm">
      {t('Not verified')}
    </Badge>
  );
}

/** Members whom a menu lists one by one; the whole app can be ended for any number. */
const MOST_NAMED = 8;

const hostOf = (uri: string): string => {
  const url = new URL(uri);
  return url.protocol === 'https:' ? url.host : url.protocol === 'http:' ? t('this computer') : `${url.protocol}//`;
};

const actsAs = ({ role, members }: App): string =>
  [...(role ? [t('Itself ({role})', { role })] : []), ...members.map(({ name }) => name)].join(', ') || '–';
