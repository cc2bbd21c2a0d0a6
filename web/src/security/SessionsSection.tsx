import { Badge, Button, Group, Skeleton, Table } from '@mantine/core';
import { formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import settings from '../settings/settings.module.css';
import type { Inquiry } from '../settings/useInquiry.ts';
import { endOtherSessions, endSession, type OpenSession } from './calls.ts';
import classes from './security.module.css';
import { serverText } from '../language/serverText.ts';
import { t } from '../language/t.ts';

interface SessionsSectionProps {
  inquiry: Inquiry<OpenSession[]>;
}

/** Known devices are named as browser and system. */
function deviceText(device: string): string {
  const [, browser, system] = /^(.+) on (.+)$/.exec(device) ?? [];
  return browser && system ? t('{browser} on {system}', { browser, system }) : serverText(device);
}

/** Where the member is signed in. */
export function SessionsSection({ inquiry: { answer, failure, again } }: SessionsSectionProps) {
  const end = async (work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (cause) {
      announceFailure(t('The session was not ended'), cause);
    }
    again();
  };
  return (
    <section className={classes.section} aria-labelledby="sessions">
      <Group justify="space-between" mb={4}>
        <h2 className={classes.heading} id="sessions">
          {t('Where you are signed in')}
        </h2>
        {answer && answer.length > 1 ? (
          <Button variant="default" onClick={() => void end(endOtherSessions)}>
            {t('Sign out everywhere else')}
          </Button>
        ) : null}
      </Group>
      {failure ? (
        <ReadFailure what={t('Sessions')} failure={failure} onRetry={again} />
      ) : !answer ? (
        <Skeleton height={90} />
      ) : (
        <div className={classes.scroll}>
          <Table className={settings.table}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('Device')}</Table.Th>
                <Table.Th>{t('Address')}</Table.Th>
                <Table.Th className={settings.wideOnly}>{t('Workspace')}</Table.Th>
                <Table.Th>{t('Last used')}</Table.Th>
                <Table.Th>
                  <span className="visually-hidden">{t('Actions')}</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {answer.map((session) => (
                <Table.Tr key={session.id}>
                  <Table.Td>
                    {deviceText(session.device)}{' '}
                    {session.isCurrent ? (
                      <Badge variant="light" size="sm" miw="max-content">
                        {t('This device')}
                      </Badge>
                    ) : null}
                  </Table.Td>
                  <Table.Td>
                    {session.address ?? '–'}
                    {session.place ? <div className={classes.note}>{session.place}</div> : null}
                  </Table.Td>
                  <Table.Td className={settings.wideOnly}>{session.workspace}</Table.Td>
                  <Table.Td>{formatRelative(session.lastUsedAt)}</Table.Td>
                  <Table.Td align="right">
                    {session.isCurrent ? null : (
                      <Button
                        variant="default"
                        aria-label={t('Sign out {device}', { device: deviceText(session.device) })}
                        onClick={() => void end(() => endSession(session.id))}
                      >
                        {t('Sign out')}
                      </Button>
                    )}
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
