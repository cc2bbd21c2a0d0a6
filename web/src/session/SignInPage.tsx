import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconKey } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { toFailure } from '../api/failure.ts';
import { useCaptcha } from './Captcha.tsx';
import { goTo, useEntrance, wantedPath } from './entrance.ts';
import { EntranceCard } from './EntranceCard.tsx';
import { canOfferPasskeys, hasPasskeys, signInWithPasskey, stopOffering } from './passkeys.ts';
import { enter, signIn } from './session.ts';
import { FindSingleSignOn, OnlySingleSignOn, ProviderButtons } from './SingleSignOn.tsx';
import { useSignInWays } from './singleSignOn.ts';
import classes from './SignInPage.module.css';
import { t } from '../language/t.ts';

/** A challenge is good for five minutes; people look at a sign-in page for longer. */
const OFFER_MS = 4 * 60_000;

export function SignInPage() {
  const options = useEntrance();
  const withPasskeys = options?.hasPasskeys === true && hasPasskeys();
  const [problem, setProblem] = useState<{ message: string; hint: string | undefined } | null>(null);
  const [askWorkspace, setAskWorkspace] = useState(false);
  const [busy, setBusy] = useState(false);
  const [wantsCaptcha, setWantsCaptcha] = useState(false);
  const captcha = useCaptcha(wantsCaptcha);
  const ways = useSignInWays();
  const [shown, setShown] = useState<'FORM' | 'FIND' | null>(null);
  const form = useForm({
    initialValues: { email: '', password: '', workspace: '' },
    validate: {
      email: (value) => (value.includes('@') ? null : t('Enter your e-mail address.')),
      password: (value) => (value === '' ? t('Enter your password.') : null),
    },
  });

  const submit = form.onSubmit(async ({ email, password, workspace }) => {
    setBusy(true);
    setProblem(null);
    try {
      await signIn(email.trim(), password, workspace.trim(), captcha.fields);
      if (wantedPath() !== '/') goTo(wantedPath());
    } catch (cause) {
      const failure = toFailure(cause);
      if (failure.code === 'CAPTCHA_REQUIRED') setWantsCaptcha(true);
      captcha.again();
      if (failure.code === 'WORKSPACE_REQUIRED') setAskWorkspace(true);
      setProblem({
        message: failure.message,
        hint: failure.code === 'WORKSPACE_REQUIRED' ? t('Name the one to enter below.') : failure.hint,
      });
      setBusy(false);
    }
  });

  const enterByPasskey = async () => {
    setBusy(true);
    setProblem(null);
    try {
      enter(await signInWithPasskey(form.values.workspace.trim()));
      if (wantedPath() !== '/') goTo(wantedPath());
    } catch (cause) {
      const { message, hint } = toFailure(cause);
      setProblem({ message, hint });
      setBusy(false);
    }
  };

  // The browser offers passkeys in the field for the address, beside what it remembers.
  useEffect(() => {
    if (!withPasskeys) return;
    let isOver = false;
    const offer = async () => {
      if (!(await canOfferPasskeys()) || isOver) return;
      try {
        enter(await signInWithPasskey('', true));
        if (wantedPath() !== '/') goTo(wantedPath());
      } catch (cause) {
        const { code, message, hint } = toFailure(cause);
        // Nobody has asked for it yet, so nobody misses it.
        if (code === 'PASSKEY_REFUSED' || code === 'NO_WORKSPACE' || code.startsWith('RV'))
          setProblem({ message, hint });
      }
    };
    void offer();
    const again = setInterval(() => void offer(), OFFER_MS);
    return () => {
      isOver = true;
      clearInterval(again);
      stopOffering();
    };
  }, [withPasskeys]);

  if (shown === 'FIND') return <FindSingleSignOn onBack={() => setShown('FORM')} />;
  if (shown === null && ways?.isSsoEnforced && ways.providers.length > 0)
    return <OnlySingleSignOn ways={ways} onOther={() => setShown('FORM')} />;
  return (
    <EntranceCard
      title={t('Sign in to {name}', { name: options?.workspace?.name ?? t('Relvar') })}
      problem={problem}
      onSubmit={submit}
    >
      <TextInput
        label={t('E-mail')}
        type="email"
        autoComplete={withPasskeys ? 'username webauthn' : 'username'}
        size="md"
        data-autofocus
        autoFocus
        {...form.getInputProps('email')}
      />
      <PasswordInput
        label={t('Password')}
        autoComplete="current-password"
        size="md"
        {...form.getInputProps('password')}
      />
      {options?.workspace ? null : askWorkspace ? (
        <TextInput
          label={t('Workspace')}
          description={t('Its short name, as in the address your administrator gave you')}
          autoComplete="organization"
          size="md"
          {...form.getInputProps('workspace')}
        />
      ) : (
        <button type="button" className={classes.more} onClick={() => setAskWorkspace(true)}>
          {t('Choose a workspace')}
        </button>
      )}
      {captcha.task}
      <Button type="submit" size="md" loading={busy} disabled={!captcha.isSolved} fullWidth>
        {t('Sign in')}
      </Button>
      {withPasskeys ? (
        <Button
          variant="default"
          size="md"
          leftSection={<IconKey size={17} aria-hidden />}
          disabled={busy}
          fullWidth
          onClick={() => void enterByPasskey()}
        >
          {t('Sign in with a passkey')}
        </Button>
      ) : null}
      <ProviderButtons ways={ways} />
      <div className={classes.links}>
        <button type="button" className={classes.more} onClick={() => setShown('FIND')}>
          {t('Single sign-on')}
        </button>
        <a className={classes.more} href="/forgot-password">
          {t('Forgot your password?')}
        </a>
        <a className={classes.more} href={`/magic-link${window.location.search}`}>
          {t('Sign in by a link instead')}
        </a>
        <a className={classes.more} href="/sign-up">
          {t('Sign up')}
        </a>
      </div>
    </EntranceCard>
  );
}
