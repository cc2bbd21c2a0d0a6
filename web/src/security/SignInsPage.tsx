import { Button, Skeleton, Table } from '@mantine/core';
import { useState } from 'react';
import { formatInstant, formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { signInEvents, type SignInEvent } from './calls.ts';
import { eventText } from './eventText.ts';
import { ImpersonationSection } from './ImpersonationSection.tsx';
import { SecurityFrame } from './SecurityFrame.tsx';
import { SecurityRules } from './SecurityRules.tsx';
import classes from './security.module.css';
import { t } from '../language/t.ts';

/** What the workspace asks of its members' sign-in, and the audit of it, for those who may see it. */
export function SignInsPage() {
  const first = useInquiry('sign-ins', () => signInEvents(null));
  const [older, setOlder] = useState<SignInEvent[]>([]);
  const [isAll, setIsAll] = useState(false);
  const events = first.answer ? [...first.answer, ...older] : null;

  const more = async (last: SignInEvent) => {
    try {
      const page = await signInEvents(last.id);
      setOlder([...older, ...page]);
      setIsAll(page.length < 100);
    } catch (cause) {
      announceFailure(t('Older sign-ins were not read'), cause);
    }
  };
  const last = events?.at(-1);
  return (
    <SecurityFrame label={t('Sign-ins of the workspace')}>
      {first.failure ? (
        <ReadFailure what={t('Sign-ins')} failure={first.failure} onRetry={first.again} />
      ) : !events ? (
        <Skeleton height={200} />
      ) : (
        <>
          <SecurityRules onChanged={first.again} />
          <ImpersonationSection />
          <h2 className={classes.heading}>{t('Sign-ins')}</h2>
          <div className={classes.scroll}>
            <Table className={settings.table}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t('When')}</Table.Th>
                  <Table.Th>{t('Who')}</Table.Th>
                  <Table.Th>{t('What')}</Table.Th>
                  <Table.Th>{t('Address')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {events.map((event) => (
                  <Table.Tr key={event.id}>
                    <Table.Td title={formatInstant(event.happenedAt)}>{formatRelative(event.happenedAt)}</Table.Td>
                    <Table.Td>{event.memberName ?? event.email ?? '–'}</Table.Td>
                    <Table.Td>{eventText(event)}</Table.Td>
                    <Table.Td title={event.userAgent ?? ''}>{event.ip ?? '–'}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </div>
          {last && !isAll && events.length >= 100 ? (
            <Button variant="default" mt={12} onClick={() => void more(last)}>
              {t('Older')}
            </Button>
          ) : null}
        </>
      )}
    </SecurityFrame>
  );
}
