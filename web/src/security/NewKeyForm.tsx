import { Alert, Button, Group, NumberInput, Select, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import type { NewKey, Role } from './calls.ts';
import { Copy } from './Secret.tsx';
import classes from './security.module.css';
import { roleText } from '../language/standard.ts';
import { t } from '../language/t.ts';

export interface KeyDraft {
  name: string;
  roleId: string;
  expiresAt: string | null;
  rateLimit: number | null;
}

interface NewKeyFormProps {
  /** The roles to choose from; none for a personal token, which acts as its member. */
  roles?: Role[];
  create: (draft: KeyDraft) => Promise<NewKey>;
  onDone: () => void;
}

const LIFETIMES = [
  { value: '30', label: t('30 days') },
  { value: '90', label: t('90 days') },
  { value: '365', label: t('A year') },
  { value: '', label: t('Never') },
];
const DAY_MS = 86_400_000;

/** Makes a key and shows its secret, once. */
export function NewKeyForm({ roles, create, onDone }: NewKeyFormProps) {
  const [name, setName] = useState('');
  const [roleId, setRoleId] = useState(roles?.[0]?.id ?? '');
  const [days, setDays] = useState('90');
  const [rateLimit, setRateLimit] = useState<number | string>(600);
  const [made, setMade] = useState<NewKey | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      const expiresAt = days === '' ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString();
      setMade(await create({ name, roleId, expiresAt, rateLimit: Number(rateLimit) || null }));
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };

  if (made)
    return (
      <div className={classes.setUp}>
        <p className={classes.note}>{t('Copy it now: it is shown only this once, and only its hash is kept.')}</p>
        <code className={classes.secret} aria-label={t('The new key')}>
          {made.secret}
        </code>
        <Group gap={8}>
          <Copy text={made.secret} label={t('Copy')} />
          <Button onClick={onDone}>{t('Done')}</Button>
        </Group>
      </div>
    );
  return (
    <form className={classes.form} onSubmit={(event) => void submit(event)} noValidate>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      <TextInput
        label={t('Name')}
        description={t('What it is for')}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        data-autofocus
      />
      {roles ? (
        <>
          <Select
            label={t('Role')}
            description={t('What it may do')}
            data={roles.map((role) => ({ value: role.id, label: roleText(role.name) }))}
            value={roleId}
            onChange={(value) => setRoleId(value ?? '')}
            allowDeselect={false}
          />
          <NumberInput
            label={t('Requests a minute')}
            value={rateLimit}
            onChange={setRateLimit}
            min={1}
            max={1_000_000}
          />
        </>
      ) : null}
      <Select
        label={t('Expires')}
        data={LIFETIMES}
        value={days}
        onChange={(value) => setDays(value ?? '')}
        allowDeselect={false}
      />
      <Group gap={8} justify="flex-end">
        <Button variant="default" onClick={onDone}>
          {t('Cancel')}
        </Button>
        <Button type="submit" loading={busy} disabled={name.trim() === ''}>
          {t('Create')}
        </Button>
      </Group>
    </form>
  );
}
