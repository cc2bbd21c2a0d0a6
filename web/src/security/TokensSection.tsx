import { Alert, Button, Group, Skeleton } from '@mantine/core';
import { modals } from '@mantine/modals';
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
        <Alert color="red" role="alert">
          {failure.message} {failure.hint}
        </Alert>
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
