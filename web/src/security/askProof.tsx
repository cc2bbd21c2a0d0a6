import { Alert, Button, Group, PasswordInput, Skeleton, TextInput } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { hasPasskeys, proveAgainWithPasskey } from '../session/passkeys.ts';
import { signOut } from '../session/session.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { secondFactorState, type Proof } from './calls.ts';
import classes from './security.module.css';
import { t } from '../language/t.ts';

interface AskProofProps {
  action: string;
  /** Tried with the proof; what it throws is said beside the field. */
  work: (proof: Proof) => Promise<void>;
}

function AskProof({ action, work }: AskProofProps) {
  const { answer: state, failure: unknown, again } = useInquiry('proof', secondFactorState);
  const [text, setText] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const attempt = async (prove: () => Promise<Proof> | Proof) => {
    setBusy(true);
    setFailure(null);
    try {
      await work(await prove());
      modals.closeAll();
    } catch (cause) {
      setFailure(toFailure(cause));
      setBusy(false);
    }
  };
  if (unknown) return <ReadFailure what={t('Your sign-in')} failure={unknown} onRetry={again} />;
  if (!state) return <Skeleton height={90} />;
  const { hasPassword, isOn } = state;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(() => (hasPassword ? { password: text } : isOn ? { code: text } : {}));
  };
  return (
    <form className={classes.form} onSubmit={submit} noValidate>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      {hasPassword ? (
        <PasswordInput
          label={t('Your password')}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          autoComplete="current-password"
          data-autofocus
        />
      ) : isOn ? (
        <TextInput
          label={t('Code that your app shows')}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          inputMode="numeric"
          autoComplete="one-time-code"
          data-autofocus
        />
      ) : (
        <p className={classes.note}>
          {t('You have no password, so you must have signed in within the last ten minutes to change this.')}
        </p>
      )}
      <Group gap={8} justify="flex-end">
        {failure?.code === 'SIGN_IN_AGAIN' ? (
          <Button variant="default" onClick={() => void signOut()}>
            {t('Sign in again')}
          </Button>
        ) : null}
        <Button variant="default" onClick={() => modals.closeAll()}>
          {t('Cancel')}
        </Button>
        {state.passkeys > 0 && hasPasskeys() ? (
          <Button
            variant="default"
            disabled={busy}
            onClick={() =>
              void attempt(async () => {
                await proveAgainWithPasskey();
                return {};
              })
            }
          >
            {t('Use a passkey')}
          </Button>
        ) : null}
        <Button type="submit" loading={busy}>
          {action}
        </Button>
      </Group>
    </form>
  );
}

/** A browser that was left open is not enough to change how its owner signs in. */
export function askProof(title: string, action: string, work: (proof: Proof) => Promise<void>): void {
  modals.open({ title, children: <AskProof action={action} work={work} /> });
}
