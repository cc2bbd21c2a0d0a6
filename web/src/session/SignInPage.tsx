import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { toFailure } from '../api/failure.ts';
import { goTo, wantedPath } from './entrance.ts';
import { EntranceCard } from './EntranceCard.tsx';
import { signIn } from './session.ts';
import classes from './SignInPage.module.css';

export function SignInPage() {
  const [problem, setProblem] = useState<{ message: string; hint: string | undefined } | null>(null);
  const [askWorkspace, setAskWorkspace] = useState(false);
  const [busy, setBusy] = useState(false);
  const form = useForm({
    initialValues: { email: '', password: '', workspace: '' },
    validate: {
      email: (value) => (value.includes('@') ? null : 'Enter your e-mail address.'),
      password: (value) => (value === '' ? 'Enter your password.' : null),
    },
  });

  const submit = form.onSubmit(async ({ email, password, workspace }) => {
    setBusy(true);
    setProblem(null);
    try {
      await signIn(email.trim(), password, workspace.trim());
      if (wantedPath() !== '/') goTo(wantedPath());
    } catch (cause) {
      const failure = toFailure(cause);
      if (failure.code === 'WORKSPACE_REQUIRED') setAskWorkspace(true);
      setProblem({
        message: failure.message,
        hint: failure.code === 'WORKSPACE_REQUIRED' ? 'Name the one to enter below.' : failure.hint,
      });
      setBusy(false);
    }
  });

  return (
    <EntranceCard title="Sign in to Relvar" problem={problem} onSubmit={submit}>
      <TextInput
        label="E-mail"
        type="email"
        autoComplete="username"
        size="md"
        data-autofocus
        autoFocus
        {...form.getInputProps('email')}
      />
      <PasswordInput label="Password" autoComplete="current-password" size="md" {...form.getInputProps('password')} />
      {askWorkspace ? (
        <TextInput
          label="Workspace"
          description="Its short name, as in the address your administrator gave you"
          autoComplete="organization"
          size="md"
          {...form.getInputProps('workspace')}
        />
      ) : (
        <button type="button" className={classes.more} onClick={() => setAskWorkspace(true)}>
          Choose a workspace
        </button>
      )}
      <Button type="submit" size="md" loading={busy} fullWidth>
        Sign in
      </Button>
      <div className={classes.links}>
        <a className={classes.more} href="/forgot-password">
          Forgot your password?
        </a>
        <a className={classes.more} href={`/magic-link${window.location.search}`}>
          Sign in by a link instead
        </a>
        <a className={classes.more} href="/sign-up">
          Sign up
        </a>
      </div>
    </EntranceCard>
  );
}
