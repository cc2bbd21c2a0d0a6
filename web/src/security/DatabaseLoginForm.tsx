import { Alert, Button, Group, Select, Switch, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { grantDatabaseAccess, type NewDatabaseLogin as Login } from './databaseAccess.ts';
import { NewDatabaseLogin } from './NewDatabaseLogin.tsx';
import classes from './security.module.css';
import { t } from '../language/t.ts';

interface DatabaseLoginFormProps {
  /** Whom a login may be made for; the caller alone where there are none. */
  members: { id: string; name: string; isMe: boolean }[];
  onDone: () => void;
}

const LIFETIMES = [
  { value: '7', label: t('7 days') },
  { value: '30', label: t('30 days') },
  { value: '90', label: t('90 days') },
  { value: '365', label: t('A year') },
];
const DAY_MS = 86_400_000;

export function DatabaseLoginForm({ members, onDone }: DatabaseLoginFormProps) {
  const [memberId, setMemberId] = useState(members.find(({ isMe }) => isMe)?.id ?? null);
  const [name, setName] = useState('');
  const [mayWrite, setMayWrite] = useState(false);
  const [days, setDays] = useState('90');
  const [made, setMade] = useState<Login | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      const expiresAt = new Date(Date.now() + Number(days) * DAY_MS).toISOString();
      setMade(await grantDatabaseAccess({ memberId, mayWrite, expiresAt, name }));
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };

  if (made) return <NewDatabaseLogin login={made} onDone={onDone} />;
  return (
    <form className={classes.form} onSubmit={(event) => void submit(event)} noValidate>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      {members.length > 0 ? (
        <Select
          label={t('Member')}
          description={t('It sees what this member sees')}
          data={members.map(({ id, name: label, isMe }) => ({
            value: id,
            label: isMe ? t('{label} (you)', { label }) : label,
          }))}
          value={memberId}
          onChange={setMemberId}
          allowDeselect={false}
          searchable
        />
      ) : null}
      <TextInput
        label={t('What it is for')}
        placeholder={t('Monthly reports')}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        data-autofocus
      />
      <Select
        label={t('Expires')}
        data={LIFETIMES}
        value={days}
        onChange={(value) => setDays(value ?? '90')}
        allowDeselect={false}
      />
      <Switch
        label={t('May write')}
        description={t(
          'Changes are signed by the member. Without it, the login cannot change anything, whatever it tries.',
        )}
        checked={mayWrite}
        onChange={(event) => setMayWrite(event.currentTarget.checked)}
      />
      <Group gap={8} justify="flex-end">
        <Button variant="default" onClick={onDone}>
          {t('Cancel')}
        </Button>
        <Button type="submit" loading={busy}>
          {t('Create')}
        </Button>
      </Group>
    </form>
  );
}
