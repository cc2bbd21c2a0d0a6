import { Alert, Button, Group, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import type { SetUp } from './calls.ts';
import classes from './security.module.css';
import { t } from '../language/t.ts';

interface SetUpSecondFactorProps {
  setUp: SetUp;
  confirm: (code: string) => Promise<void>;
  onCancel?: () => void;
}

/** The picture for the app, and the code by which the app proves that it has it. */
export function SetUpSecondFactor({ setUp, confirm, onCancel }: SetUpSecondFactorProps) {
  const [code, setCode] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await confirm(code);
    } catch (cause) {
      setFailure(toFailure(cause));
      setBusy(false);
    }
  };

  return (
    <form className={classes.setUp} onSubmit={(event) => void submit(event)} noValidate>
      <p className={classes.note}>{t('Scan this with an authenticator app, or type the secret into it.')}</p>
      <img
        className={classes.qr}
        src={`data:image/svg+xml;utf8,${encodeURIComponent(setUp.qrCode)}`}
        alt={t('QR code with the secret for your app')}
      />
      <code className={classes.secret} aria-label={t('Secret')}>
        {setUp.secret.match(/.{1,4}/g)?.join(' ')}
      </code>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      <TextInput
        label={t('Code that the app shows')}
        value={code}
        onChange={(event) => setCode(event.currentTarget.value)}
        inputMode="numeric"
        autoComplete="one-time-code"
        autoFocus
      />
      <Group gap={8}>
        <Button type="submit" loading={busy}>
          {t('Turn on')}
        </Button>
        {onCancel ? (
          <Button variant="default" onClick={onCancel}>
            {t('Cancel')}
          </Button>
        ) : null}
      </Group>
    </form>
  );
}
