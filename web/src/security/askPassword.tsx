import { Alert, Button, Group, PasswordInput } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import classes from './security.module.css';

interface AskPasswordProps {
  action: string;
  /** Tried with the password; what it throws is said beside the field. */
  work: (password: string) => Promise<void>;
}

function AskPassword({ action, work }: AskPasswordProps) {
  const [password, setPassword] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await work(password);
      modals.closeAll();
    } catch (cause) {
      setFailure(toFailure(cause));
      setBusy(false);
    }
  };
  return (
    <form className={classes.form} onSubmit={(event) => void submit(event)} noValidate>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      <PasswordInput
        label="Your password"
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        autoComplete="current-password"
        data-autofocus
      />
      <Group gap={8} justify="flex-end">
        <Button variant="default" onClick={() => modals.closeAll()}>
          Cancel
        </Button>
        <Button type="submit" loading={busy}>
          {action}
        </Button>
      </Group>
    </form>
  );
}

/** A browser that was left open is not enough to change how its owner signs in. */
export function askPassword(title: string, action: string, work: (password: string) => Promise<void>): void {
  modals.open({ title, children: <AskPassword action={action} work={work} /> });
}
