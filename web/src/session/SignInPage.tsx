import { Alert, Button, PasswordInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';
import { toFailure } from '../api/failure.ts';
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
    <main className={classes.page}>
      <form className={classes.card} onSubmit={submit} noValidate>
        <svg viewBox="0 0 32 32" width="36" height="36" aria-hidden>
          <rect width="32" height="32" rx="8" fill="#0f6b57" />
          <path d="M9 10h14M9 16h14M9 22h8" stroke="white" strokeWidth="3" strokeLinecap="round" />
        </svg>
        <h1 className={classes.title}>Sign in to Relvar</h1>
        {problem ? (
          <Alert color="red" variant="light" role="alert" title={problem.message}>
            {problem.hint}
          </Alert>
        ) : null}
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
      </form>
    </main>
  );
}
