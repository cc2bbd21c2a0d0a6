import { Button, Group, Skeleton } from '@mantine/core';
import { modals } from '@mantine/modals';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { useInquiry } from '../settings/useInquiry.ts';
import { apiKeys, createApiKey, rolesFor } from './calls.ts';
import { KeyTable } from './KeyTable.tsx';
import { NewKeyForm } from './NewKeyForm.tsx';
import { SecurityFrame } from './SecurityFrame.tsx';
import classes from './security.module.css';
import { t } from '../language/t.ts';

/** The keys of programs, for those who may manage them. */
export function KeysPage() {
  const { answer, failure, again } = useInquiry('API keys', apiKeys);
  const choices = useInquiry('roles', () => rolesFor('API_KEYS'));
  const add = () =>
    modals.open({
      title: t('New API key'),
      onClose: again,
      children: <NewKeyForm roles={choices.answer ?? []} create={createApiKey} onDone={() => modals.closeAll()} />,
    });
  return (
    <SecurityFrame label={t('API keys')}>
      <Group justify="space-between" mb={4}>
        <h2 className={classes.heading}>{t('API keys')}</h2>
        {answer ? (
          <Button onClick={add} disabled={!choices.answer}>
            {t('New key')}
          </Button>
        ) : null}
      </Group>
      {failure ? (
        <ReadFailure what={t('API keys')} failure={failure} onRetry={again} />
      ) : !answer ? (
        <Skeleton height={120} />
      ) : answer.length === 0 ? (
        <p className={classes.note}>
          {t('None yet. A program signs in with a key and may do what the key’s role may.')}
        </p>
      ) : (
        <KeyTable keys={answer} onRevoked={again} />
      )}
      {choices.failure ? <ReadFailure what={t('Roles')} failure={choices.failure} onRetry={choices.again} /> : null}
    </SecurityFrame>
  );
}
