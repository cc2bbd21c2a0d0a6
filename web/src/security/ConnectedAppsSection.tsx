import { Button, Skeleton, Table } from '@mantine/core';
import { modals } from '@mantine/modals';
import { formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { connectedApps, disconnectApp, type ConnectedApp } from './calls.ts';
import classes from './security.module.css';
import { t } from '../language/t.ts';

/** The apps that act for the member. */
export function ConnectedAppsSection() {
  const { answer, failure, again } = useInquiry('connected apps', connectedApps);
  const disconnect = (app: ConnectedApp) =>
    modals.openConfirmModal({
      title: t('Disconnect “{name}”?', { name: app.name }),
      children: t('It is refused from now on. It can ask you again.'),
      labels: { confirm: t('Disconnect'), cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () =>
        void disconnectApp(app.id)
          .catch((cause: unknown) => announceFailure(t('“{name}” was not disconnected', { name: app.name }), cause))
          .finally(again),
    });
  return (
    <section className={classes.section} aria-labelledby="connected-apps">
      <h2 className={classes.heading} id="connected-apps">
        {t('Connected apps')}
      </h2>
      {failure ? (
        <ReadFailure what={t('Connected apps')} failure={failure} onRetry={again} />
      ) : !answer ? (
        <Skeleton height={60} />
      ) : answer.length === 0 ? (
        <p className={classes.note}>
          {t('None. An app that wants to act for you asks you first, and is listed here then.')}
        </p>
      ) : (
        <div className={classes.scroll}>
          <Table className={settings.table}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('App')}</Table.Th>
                <Table.Th className={settings.wideOnly}>{t('May')}</Table.Th>
                <Table.Th>{t('Last used')}</Table.Th>
                <Table.Th>
                  <span className="visually-hidden">{t('Actions')}</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {answer.map((app) => (
                <Table.Tr key={app.id}>
                  <Table.Td>{app.name}</Table.Td>
                  <Table.Td className={settings.wideOnly}>{app.may.join('. ')}</Table.Td>
                  <Table.Td>{app.lastUsedAt ? formatRelative(app.lastUsedAt) : t('Never')}</Table.Td>
                  <Table.Td align="right">
                    <Button
                      variant="default"
                      aria-label={t('Disconnect {name}', { name: app.name })}
                      onClick={() => disconnect(app)}
                    >
                      {t('Disconnect')}
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
