import { Alert, Button, Checkbox, Skeleton, TextInput } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { useState, type FormEvent } from 'react';
import { fetchJson, toFailure, type Failure } from '../api/failure.ts';
import type { SetUp } from '../security/calls.ts';
import { RecoveryCodes } from '../security/Secret.tsx';
import { SetUpSecondFactor } from '../security/SetUpSecondFactor.tsx';
import { useInquiry } from '../settings/useInquiry.ts';
import { hasPasskeys, proveWithPasskey, setUpPasskey } from './passkeys.ts';
import { enter, leaveStep, type Identity, type Step } from './session.ts';
import classes from './SignInPage.module.css';
import { t } from '../language/t.ts';

/** Where the password was right, and a second factor is wanted. */
export function SecondStep({ step }: { step: Step }) {
  return (
    <main className={classes.page}>
      <div className={classes.card}>
        {step.next === 'SECOND_FACTOR' ? <Prove step={step} /> : <SetUpFirst step={step} />}
        <button type="button" className={classes.more} onClick={leaveStep}>
          {t('Sign in as somebody else')}
        </button>
      </div>
    </main>
  );
}

const takesPasskey = ({ ways = [] }: Step): boolean => ways.includes('PASSKEY') && hasPasskeys();

function Problem({ failure }: { failure: Failure | null }) {
  return failure ? (
    <Alert color="red" variant="light" role="alert" title={failure.message}>
      {failure.hint}
    </Alert>
  ) : null;
}

function Prove({ step }: { step: Step }) {
  const { ticket, ways = ['APP'], rememberDays = 30 } = step;
  const [code, setCode] = useState('');
  const [remember, setRemember] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const attempt = async (prove: () => Promise<Identity>) => {
    setBusy(true);
    setFailure(null);
    try {
      enter(await prove());
    } catch (cause) {
      setFailure(toFailure(cause));
      setBusy(false);
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(() => fetchJson<Identity>('/auth/sign-in/second-factor', { ticket, code, remember }));
  };
  const hasApp = ways.includes('APP');
  return (
    <form className={classes.step} onSubmit={submit} noValidate>
      <h1 className={classes.title}>{t('Second factor')}</h1>
      <Problem failure={failure} />
      {takesPasskey(step) ? (
        <Button
          size="md"
          leftSection={<IconKey size={17} aria-hidden />}
          disabled={busy}
          fullWidth
          onClick={() => void attempt(() => proveWithPasskey(ticket, remember))}
        >
          {t('Use your passkey')}
        </Button>
      ) : null}
      <TextInput
        label={hasApp ? t('Code that your app shows') : t('Recovery code')}
        description={hasApp ? t('Or one of your recovery codes') : t('If you do not have your passkey')}
        size="md"
        value={code}
        onChange={(event) => setCode(event.currentTarget.value)}
        autoComplete="one-time-code"
        autoFocus={!takesPasskey(step)}
      />
      {rememberDays > 0 ? (
        <Checkbox
          label={t(
            '{rememberDays, plural, one {Do not ask on this device for a day} other {Do not ask on this device for # days}}',
            { rememberDays },
          )}
          checked={remember}
          onChange={(event) => setRemember(event.currentTarget.checked)}
        />
      ) : null}
      <Button
        type="submit"
        variant={takesPasskey(step) ? 'default' : 'filled'}
        size="md"
        loading={busy}
        disabled={code.trim() === ''}
        fullWidth
      >
        {takesPasskey(step) ? t('Sign in with the code') : t('Sign in')}
      </Button>
    </form>
  );
}

function SetUpFirst({ step }: { step: Step }) {
  const [byApp, setByApp] = useState(!takesPasskey(step));
  const [done, setDone] = useState<(Identity & { recoveryCodes: string[] }) | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    setFailure(null);
    try {
      setDone(await setUpPasskey(step.ticket));
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };
  if (done) return <RecoveryCodes codes={done.recoveryCodes} onDone={() => enter(done)} />;
  return (
    <>
      <h1 className={classes.title}>{t('Your workspace wants a second factor')}</h1>
      {byApp ? (
        <SetUpApp ticket={step.ticket} onDone={setDone} />
      ) : (
        <>
          <Problem failure={failure} />
          <p className={classes.note}>
            {t(
              'A passkey is kept by this device, and used with its finger, face or PIN. An app shows a code that you type.',
            )}
          </p>
          <Button
            size="md"
            leftSection={<IconKey size={17} aria-hidden />}
            loading={busy}
            fullWidth
            onClick={() => void make()}
          >
            {t('Make a passkey')}
          </Button>
          <Button variant="default" size="md" fullWidth disabled={busy} onClick={() => setByApp(true)}>
            {t('Use an app instead')}
          </Button>
        </>
      )}
    </>
  );
}

interface SetUpAppProps {
  ticket: string;
  onDone: (done: Identity & { recoveryCodes: string[] }) => void;
}

function SetUpApp({ ticket, onDone }: SetUpAppProps) {
  const { answer, failure } = useInquiry('set up', () =>
    fetchJson<SetUp>('/auth/sign-in/second-factor/begin', { ticket }),
  );
  const confirm = async (code: string) => {
    onDone(await fetchJson('/auth/sign-in/second-factor/confirm', { ticket, code }));
  };
  if (failure) return <Problem failure={failure} />;
  return answer ? <SetUpSecondFactor setUp={answer} confirm={confirm} /> : <Skeleton height={200} />;
}
