import { Button, Group, Skeleton } from '@mantine/core';
import { modals } from '@mantine/modals';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { useInquiry } from '../settings/useInquiry.ts';
import { createPersonalToken, personalTokens } from './calls.ts';
import { KeyTable } from './KeyTable.tsx';
import { NewKeyForm } from './NewKeyForm.tsx';
import classes from './security.module.css';
import { t } from '../language/t.ts';

export function TokensSection() {
  const { answer, failure, again } = useInquiry('personal tokens', personalTokens);
  const add = () =>
    modals.open({
      title: t('New personal token'),
      onClose: again,
      children: (
        <NewKeyForm
          create={({ name, expiresAt }) => createPersonalToken({ name, expiresAt })}
          onDone={() => modals.closeAll()}
        />
      ),
    });
  return (
    <section className={classes.section} aria-labelledby="tokens">
      <Group justify="space-between" mb={4}>
        <h2 className={classes.heading} id="tokens">
          {t('Personal access tokens')}
        </h2>
        <Button variant="default" onClick={add}>
          {t('New token')}
        </Button>
      </Group>
      {failure ? (
        <ReadFailure what={t('Personal access tokens')} failure={failure} onRetry={again} />
      ) : !answer ? (
        <Skeleton height={60} />
      ) : answer.length === 0 ? (
        <p className={classes.note}>{t('None. Scripts of yours use one to do what you may do, in your name.')}</p>
      ) : (
        <KeyTable keys={answer} onRevoked={again} />
      )}
    </section>
  );
}
