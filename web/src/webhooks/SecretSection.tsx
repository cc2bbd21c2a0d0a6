import { Alert, Button, Group, NativeSelect, TextInput } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { formatRelative } from '../model/dates.ts';
import { Copy } from '../security/Secret.tsx';
import security from '../security/security.module.css';
import { rotateSecret, showSecret, type Health, type Webhook } from './webhooks.ts';
import { t } from '../language/t.ts';

interface SecretSectionProps {
  webhook: Webhook;
  health: Health | undefined;
  again: () => void;
}

/** What the receiver verifies with: shown once, and another from then on when somebody wants it. */
export function SecretSection({ webhook, health, again }: SecretSectionProps) {
  const [secret, setSecret] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const reveal = async () => {
    setFailure(null);
    try {
      setSecret((await showSecret(webhook.id)).secret);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    again();
  };
  const rotate = () =>
    modals.open({
      title: t('New secret'),
      onClose: again,
      children: (
        <RotateForm
          webhook={webhook}
          onDone={(made) => {
            modals.closeAll();
            setSecret(made);
          }}
        />
      ),
    });
  return (
    <section className={security.section} aria-labelledby="webhook-secret" style={{ marginTop: 28 }}>
      <h3 className={security.heading} id="webhook-secret">
        {t('Secret')}
      </h3>
      {failure ? (
        <Alert color="red" role="alert" title={failure.message} mb={10}>
          {failure.hint}
        </Alert>
      ) : null}
      {secret ? (
        <div className={security.setUp}>
          <p className={security.note}>
            {t('Copy it now: it is shown only this once. The receiver verifies signatures with it.')}
          </p>
          <code className={security.secret} aria-label={t('Secret')}>
            {secret}
          </code>
          <Group gap={8}>
            <Copy text={secret} label={t('Copy the secret')} />
            <Button onClick={() => setSecret(null)}>{t('I have kept it')}</Button>
          </Group>
        </div>
      ) : (
        <>
          <p className={security.note}>
            {health?.hasUnseenSecret
              ? health?.formerSecretUntil
                ? t(
                    'Messages are signed, so that the receiver knows that they come from here. The secret can be shown once. The former one is good beside it and ends {formerSecretUntil}.',
                    { formerSecretUntil: formatRelative(health.formerSecretUntil) },
                  )
                : t(
                    'Messages are signed, so that the receiver knows that they come from here. The secret can be shown once.',
                  )
              : health?.formerSecretUntil
                ? t(
                    'Messages are signed, so that the receiver knows that they come from here. The secret has been shown. The former one is good beside it and ends {formerSecretUntil}.',
                    { formerSecretUntil: formatRelative(health.formerSecretUntil) },
                  )
                : t(
                    'Messages are signed, so that the receiver knows that they come from here. The secret has been shown.',
                  )}
          </p>
          <Group gap={8} mt={10}>
            {health?.hasUnseenSecret ? <Button onClick={() => void reveal()}>{t('Show the secret')}</Button> : null}
            <Button variant="default" onClick={rotate}>
              {t('New secret…')}
            </Button>
          </Group>
        </>
      )}
    </section>
  );
}

const OVERLAPS = [
  { value: '24', label: t('a day') },
  { value: '1', label: t('an hour') },
  { value: '168', label: t('a week') },
  { value: '0', label: t('no longer') },
];

function RotateForm({ webhook, onDone }: { webhook: Webhook; onDone: (secret: string) => void }) {
  const [overlap, setOverlap] = useState('24');
  const [own, setOwn] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async () => {
    setBusy(true);
    try {
      const { secret } = await rotateSecret(webhook.id, Number(overlap), own.trim() === '' ? undefined : own.trim());
      onDone(secret);
    } catch (cause) {
      setFailure(toFailure(cause));
      setBusy(false);
    }
  };
  return (
    <form
      className={security.setUp}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {failure ? (
        <Alert color="red" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      <NativeSelect
        label={t('The former secret is good for')}
        description={
          webhook.format === 'TWENTY'
            ? t('Twenty’s header has room for one signature, that of the new secret')
            : t('Messages bear both signatures so long, and the receiver changes when it suits')
        }
        data={OVERLAPS}
        value={overlap}
        onChange={(event) => setOverlap(event.currentTarget.value)}
      />
      <TextInput
        label={t('A secret of your own')}
        description={t('Leave it empty to have one made. For receivers that have one already')}
        autoComplete="off"
        value={own}
        onChange={(event) => setOwn(event.currentTarget.value)}
      />
      <Group>
        <Button type="submit" loading={busy}>
          {own.trim() === '' ? t('Make a new secret') : t('Use this secret')}
        </Button>
      </Group>
    </form>
  );
}
