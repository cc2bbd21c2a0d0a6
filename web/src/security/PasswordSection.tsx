import { Alert, Button, PasswordInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { askProof } from './askProof.tsx';
import { changePassword, type Proof } from './calls.ts';
import classes from './security.module.css';
import { t } from '../language/t.ts';

interface PasswordSectionProps {
  /** Whether there is one, which is then asked. */
  hasPassword: boolean;
  /** Other sessions have ended. */
  onChanged: () => void;
}

export function PasswordSection({ hasPassword, onChanged }: PasswordSectionProps) {
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const form = useForm({
    initialValues: { current: '', next: '' },
    validate: { next: (value) => (value.length < 10 ? t('Use at least ten characters.') : null) },
  });
  const change = async (proof: Proof, next: string) => {
    await changePassword(proof, next);
    form.reset();
    notifications.show({ message: t('Your password is changed. Everywhere else you are signed out.') });
    onChanged();
  };
  const submit = form.onSubmit(async ({ current, next }) => {
    if (!hasPassword) {
      askProof(t('Set a password'), t('Set password'), (proof) => change(proof, next));
      return;
    }
    setBusy(true);
    setFailure(null);
    try {
      await change({ password: current }, next);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  });
  return (
    <section className={classes.section} aria-labelledby="password">
      <h2 className={classes.heading} id="password">
        {t('Password')}
      </h2>
      <form className={classes.form} onSubmit={submit} noValidate>
        {failure ? (
          <Alert color="red" variant="light" role="alert" title={failure.message}>
            {failure.hint}
          </Alert>
        ) : null}
        {hasPassword ? (
          <PasswordInput
            label={t('Present password')}
            autoComplete="current-password"
            {...form.getInputProps('current')}
          />
        ) : (
          <p className={classes.note}>{t('You have none: you sign in by other means.')}</p>
        )}
        <PasswordInput
          label={t('New password')}
          description={t('At least ten characters. Several words are easy to remember and hard to guess.')}
          autoComplete="new-password"
          {...form.getInputProps('next')}
        />
        <div>
          <Button type="submit" loading={busy}>
            {hasPassword ? t('Change password') : t('Set a password')}
          </Button>
        </div>
      </form>
    </section>
  );
}
