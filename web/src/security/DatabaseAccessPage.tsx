import { formatDay, localDay } from '../model/dates.ts';
import { Button, Group, Skeleton, Table } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useMay } from '../model/store.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import {
  databaseLogins,
  membersToChoose,
  revokeDatabaseAccess,
  rotateDatabaseAccess,
  type DatabaseLogin,
} from './databaseAccess.ts';
import { DatabaseLoginForm } from './DatabaseLoginForm.tsx';
import { NewDatabaseLogin } from './NewDatabaseLogin.tsx';
import { SecurityFrame } from './SecurityFrame.tsx';
import classes from './security.module.css';
import { t } from '../language/t.ts';

const day = (moment: string): string => formatDay(localDay(new Date(moment)));

/** Logins for psql and BI tools: one's own, and for who may make them those of all members. */
export function DatabaseAccessPage() {
  const { answer, failure, again } = useInquiry('database logins', databaseLogins);
  const mayMake = useMay('DATABASE_ACCESS');
  const keepsRoles = useMay('ROLES');
  const seesMembers = useMay('WORKSPACE_MEMBERS');
  const add = async () => {
    try {
      const members = keepsRoles && seesMembers ? await membersToChoose() : [];
      modals.open({
        title: t('New database login'),
        onClose: again,
        children: <DatabaseLoginForm members={members} onDone={() => modals.closeAll()} />,
      });
    } catch (cause) {
      announceFailure(t('The members were not read'), cause);
    }
  };
  return (
    <SecurityFrame label={t('Database access')}>
      <section className={classes.section} aria-labelledby="database-logins">
        <Group justify="space-between" mb={4}>
          <h2 className={classes.heading} id="database-logins">
            {t('Database logins')}
          </h2>
          {mayMake ? (
            <Button variant="default" onClick={() => void add()}>
              {t('New login')}
            </Button>
          ) : null}
        </Group>
        <p className={classes.note}>
          {t(
            'For psql and BI tools. A login sees the records and fields that its member sees in the application, under the same rules, and ends with the membership.',
          )}{' '}
          {mayMake ? null : t('An administrator of the workspace can let your role make one.')}
        </p>
        {failure ? (
          <ReadFailure what={t('Database logins')} failure={failure} onRetry={again} />
        ) : !answer ? (
          <Skeleton height={90} mt={10} />
        ) : answer.length === 0 ? (
          <p className={classes.empty}>{t('There are none.')}</p>
        ) : (
          <LoginTable logins={answer} again={again} />
        )}
      </section>
    </SecurityFrame>
  );
}

function LoginTable({ logins, again }: { logins: DatabaseLogin[]; again: () => void }) {
  const mayMake = useMay('DATABASE_ACCESS');
  const keepsRoles = useMay('ROLES');
  const revoke = (login: DatabaseLogin) =>
    modals.openConfirmModal({
      title: t('Revoke {login}?', { login: login.login }),
      children: t('Its sessions end at once, and it cannot be had back.'),
      labels: { confirm: t('Revoke'), cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () =>
        void revokeDatabaseAccess(login.id)
          .catch((cause: unknown) => announceFailure(t('{login} was not revoked', { login: login.login }), cause))
          .finally(again),
    });
  const rotate = (login: DatabaseLogin) =>
    modals.openConfirmModal({
      title: t('New password for {login}?', { login: login.login }),
      children: t('Whatever uses the present one is cut off at once.'),
      labels: { confirm: t('New password'), cancel: t('Keep it') },
      onConfirm: () =>
        void rotateDatabaseAccess(login.id).then(
          (made) =>
            modals.open({
              title: t('New password'),
              children: <NewDatabaseLogin login={made} onDone={() => modals.closeAll()} />,
            }),
          (cause: unknown) => announceFailure(t('The password was not changed'), cause),
        ),
    });
  return (
    <div className={classes.scroll}>
      <Table className={settings.table} aria-labelledby="database-logins">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('Login')}</Table.Th>
            <Table.Th>{t('Member')}</Table.Th>
            <Table.Th>{t('May')}</Table.Th>
            <Table.Th>{t('Expires')}</Table.Th>
            <Table.Th className={settings.wideOnly}>{t('Made by')}</Table.Th>
            <Table.Th>
              <span className="visually-hidden">{t('Actions')}</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {logins.map((login) => (
            <Table.Tr key={login.id}>
              <Table.Td>
                {login.name ? <div>{login.name}</div> : null}
                <code className={classes.login}>{login.login}</code>
              </Table.Td>
              <Table.Td>{login.isMine ? t('You') : login.memberName}</Table.Td>
              <Table.Td>{login.mayWrite ? t('Read and write') : t('Read')}</Table.Td>
              <Table.Td>{day(login.expiresAt)}</Table.Td>
              <Table.Td className={settings.wideOnly}>{login.createdByName}</Table.Td>
              <Table.Td align="right">
                <Group gap={6} justify="flex-end" wrap="nowrap">
                  {mayMake && (login.isMine || keepsRoles) ? (
                    <Button
                      variant="default"
                      aria-label={t('New password for {login}', { login: login.login })}
                      onClick={() => rotate(login)}
                    >
                      {t('New password')}
                    </Button>
                  ) : null}
                  {mayMake || login.isMine ? (
                    <Button
                      variant="default"
                      aria-label={t('Revoke {login}', { login: login.login })}
                      onClick={() => revoke(login)}
                    >
                      {t('Revoke')}
                    </Button>
                  ) : null}
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
