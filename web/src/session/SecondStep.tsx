import { Alert, Button, Checkbox, Skeleton, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { fetchJson, toFailure, type Failure } from '../api/failure.ts';
import type { SetUp } from '../security/calls.ts';
import { RecoveryCodes } from '../security/Secret.tsx';
import { SetUpSecondFactor } from '../security/SetUpSecondFactor.tsx';
import { useInquiry } from '../settings/useInquiry.ts';
import { enter, leaveStep, type Identity, type Step } from './session.ts';
import classes from './SignInPage.module.css';

/** Where the password was right, and a second factor is wanted. */
export function SecondStep({ step }: { step: Step }) {
  return (
    <main className={classes.page}>
      <div className={classes.card}>
        {step.next === 'SECOND_FACTOR' ? <Prove ticket={step.ticket} /> : <SetUpFirst ticket={step.ticket} />}
        <button type="button" className={classes.more} onClick={leaveStep}>
          Sign in as somebody else
        </button>
      </div>
    </main>
  );
}

function Prove({ ticket }: { ticket: string }) {
  const [code, setCode] = useState('');
  const [remember, setRemember] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      enter(await fetchJson<Identity>('/auth/sign-in/second-factor', { ticket, code, remember }));
    } catch (cause) {
      setFailure(toFailure(cause));
      setBusy(false);
    }
  };
  return (
    <form className={classes.step} onSubmit={(event) => void submit(event)} noValidate>
      <h1 className={classes.title}>Second factor</h1>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      <TextInput
        label="Code that your app shows"
        description="Or one of your recovery codes"
        size="md"
        value={code}
        onChange={(event) => setCode(event.currentTarget.value)}
        autoComplete="one-time-code"
        autoFocus
      />
      <Checkbox
        label="Do not ask on this device for 30 days"
        checked={remember}
        onChange={(event) => setRemember(event.currentTarget.checked)}
      />
      <Button type="submit" size="md" loading={busy} fullWidth>
        Sign in
      </Button>
    </form>
  );
}

function SetUpFirst({ ticket }: { ticket: string }) {
  const { answer, failure } = useInquiry('set up', () =>
    fetchJson<SetUp>('/auth/sign-in/second-factor/begin', { ticket }),
  );
  const [done, setDone] = useState<(Identity & { recoveryCodes: string[] }) | null>(null);
  const confirm = async (code: string) => {
    setDone(await fetchJson('/auth/sign-in/second-factor/confirm', { ticket, code }));
  };
  if (done) return <RecoveryCodes codes={done.recoveryCodes} onDone={() => enter(done)} />;
  return (
    <>
      <h1 className={classes.title}>Your workspace wants a second factor</h1>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : answer ? (
        <SetUpSecondFactor setUp={answer} confirm={confirm} />
      ) : (
        <Skeleton height={200} />
      )}
    </>
  );
}
