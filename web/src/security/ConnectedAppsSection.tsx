import { Alert, Button, Skeleton, Table } from '@mantine/core';
import { modals } from '@mantine/modals';
import { formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { connectedApps, disconnectApp, type ConnectedApp } from './calls.ts';
import classes from './security.module.css';

/** The apps that act for the member. */
export function ConnectedAppsSection() {
  const { answer, failure, again } = useInquiry('connected apps', connectedApps);
  const disconnect = (app: ConnectedApp) =>
    modals.openConfirmModal({
      title: `Disconnect “${app.name}”?`,
      children: 'It is refused from now on. It can ask you again.',
      labels: { confirm: 'Disconnect', cancel: 'Keep it' },
      confirmProps: { color: 'red' },
      onConfirm: () =>
        void disconnectApp(app.id)
          .catch((cause: unknown) => announceFailure(`“${app.name}” was not disconnected`, cause))
          .finally(again),
    });
  return (
    <section className={classes.section} aria-labelledby="connected-apps">
      <h2 className={classes.heading} id="connected-apps">
        Connected apps
      </h2>
      {failure ? (
        <Alert color="red" role="alert">
          {failure.message} {failure.hint}
        </Alert>
      ) : !answer ? (
        <Skeleton height={60} />
      ) : answer.length === 0 ? (
        <p className={classes.note}>None. An app that wants to act for you asks you first, and is listed here then.</p>
      ) : (
        <div className={classes.scroll}>
          <Table className={settings.table}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>App</Table.Th>
                <Table.Th className={settings.wideOnly}>May</Table.Th>
                <Table.Th>Last used</Table.Th>
                <Table.Th>
                  <span className="visually-hidden">Actions</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {answer.map((app) => (
                <Table.Tr key={app.id}>
                  <Table.Td>{app.name}</Table.Td>
                  <Table.Td className={settings.wideOnly}>{app.may.join('. ')}</Table.Td>
                  <Table.Td>{app.lastUsedAt ? formatRelative(app.lastUsedAt) : 'Never'}</Table.Td>
                  <Table.Td align="right">
                    <Button variant="default" aria-label={`Disconnect ${app.name}`} onClick={() => disconnect(app)}>
                      Disconnect
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
