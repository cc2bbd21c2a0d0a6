import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { fetchJson } from '../api/failure.ts';
import { useCaptcha } from './Captcha.tsx';
import { tokenOfLink, useSubmission, wantedPath } from './entrance.ts';
import { EntranceCard } from './EntranceCard.tsx';
import classes from './SignInPage.module.css';
import { t } from '../language/t.ts';

const emailError = (value: string): string | null => (value.includes('@') ? null : t('Enter your e-mail address.'));
export const passwordError = (value: string): string | null =>
  value.length < 10 ? t('Use at least 10 characters.') : null;

interface AskForMailProps {
  title: string;
  path: string;
  explanation: string;
  action: string;
  /** What a mail, if there is one, will do. */
  sent: string;
  extra?: () => object;
}

/** Asks for an address and has a mail sent there. Says the same whether anybody has the address. */
export function AskForMail({ title, path, explanation, action, sent, extra }: AskForMailProps) {
  const [sentTo, setSentTo] = useState<string | null>(null);
  const { busy, problem, run } = useSubmission();
  const captcha = useCaptcha();
  const form = useForm({ initialValues: { email: '' }, validate: { email: emailError } });
  const submit = form.onSubmit(({ email }) =>
    run(async () => {
      try {
        await fetchJson(path, { email: email.trim(), ...captcha.fields, ...extra?.() });
        setSentTo(email.trim());
      } finally {
        captcha.again();
      }
    }),
  );
  if (sentTo !== null) {
    return (
      <EntranceCard title={t('Look into your mailbox')}>
        <p role="status" className={classes.note}>
          {t('{sent} {sentTo}. It comes within a minute or two; look into the folder for junk, too.', { sent, sentTo })}
        </p>
        <a className={classes.more} href="/">
          {t('Back to sign-in')}
        </a>
      </EntranceCard>
    );
  }
  return (
    <EntranceCard title={title} problem={problem} onSubmit={submit}>
      <p className={classes.note}>{explanation}</p>
      <TextInput
        label={t('E-mail')}
        type="email"
        autoComplete="username"
        size="md"
        autoFocus
        {...form.getInputProps('email')}
      />
      {captcha.task}
      <Button type="submit" size="md" loading={busy} disabled={!captcha.isSolved} fullWidth>
        {action}
      </Button>
      <a className={classes.more} href="/">
        {t('Back to sign-in')}
      </a>
    </EntranceCard>
  );
}

export const ForgotPassword = () => (
  <AskForMail
    title={t('Forgot your password?')}
    path="/auth/password-reset/request"
    explanation={t('Say which address you sign in with, and we send you a link to set a new password.')}
    action={t('Send the link')}
    sent={t('If there is an account, a link to set a new password is on its way to')}
  />
);

export const AskForMagicLink = () => (
  <AskForMail
    title={t('Sign in by a link')}
    path="/auth/magic-link/request"
    explanation={t('We send a link to your address that signs you in, without a password.')}
    action={t('Send the link')}
    sent={t('If there is an account, a link that signs you in is on its way to')}
    extra={() => (wantedPath() === '/' ? {} : { next: wantedPath() })}
  />
);

export function ResetPassword() {
  const [isDone, setIsDone] = useState(false);
  const { busy, problem, run } = useSubmission();
  const form = useForm({ initialValues: { password: '' }, validate: { password: passwordError } });
  const submit = form.onSubmit(({ password }) =>
    run(async () => {
      await fetchJson('/auth/password-reset', { token: tokenOfLink(), password });
      setIsDone(true);
    }),
  );
  if (isDone) {
    return (
      <EntranceCard title={t('Your new password is set')}>
        <p role="status" className={classes.note}>
          {t('All devices have been signed out. Sign in with the new password.')}
        </p>
        <Button component="a" href="/" size="md" fullWidth>
          {t('Sign in')}
        </Button>
      </EntranceCard>
    );
  }
  return (
    <EntranceCard title={t('Set a new password')} problem={problem} onSubmit={submit}>
      <PasswordInput
        label={t('New password')}
        description={t('At least 10 characters')}
        autoComplete="new-password"
        size="md"
        autoFocus
        {...form.getInputProps('password')}
      />
      <Button type="submit" size="md" loading={busy} fullWidth>
        {t('Set the password')}
      </Button>
      {problem?.code === 'LINK_NOT_VALID' ? (
        <a className={classes.more} href="/forgot-password">
          {t('Send me a new link')}
        </a>
      ) : null}
    </EntranceCard>
  );
}
