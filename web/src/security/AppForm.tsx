import { Alert, Button, Group, NumberInput, SegmentedControl, Select, Textarea, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { AppSecret } from './AppSecret.tsx';
import { createApp, updateApp, type App, type NewApp, type Role } from './calls.ts';
import classes from './security.module.css';
import { roleText } from '../language/standard.ts';
import { t } from '../language/t.ts';

interface AppFormProps {
  /** The one to change; null for a new one. */
  app: App | null;
  roles: Role[];
  onDone: () => void;
}

const NO_ROLE = '';

/** Registers an app of the workspace and shows its secret, once; or changes one. */
export function AppForm({ app, roles, onDone }: AppFormProps) {
  const [name, setName] = useState(app?.name ?? '');
  const [uris, setUris] = useState(app?.redirectUris.join('\n') ?? '');
  const [kind, setKind] = useState(app && !app.isConfidential ? 'PUBLIC' : 'CONFIDENTIAL');
  const [roleId, setRoleId] = useState(app?.roleId ?? NO_ROLE);
  const [rateLimit, setRateLimit] = useState<number | string>(app?.rateLimit ?? 600);
  const [made, setMade] = useState<NewApp | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const isConfidential = kind === 'CONFIDENTIAL';

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    const draft = {
      name,
      redirectUris: uris.split(/\s+/).filter((uri) => uri !== ''),
      roleId: isConfidential && roleId !== NO_ROLE ? roleId : null,
      rateLimit: Number(rateLimit) || null,
    };
    try {
      if (app) {
        await updateApp(app.id, draft);
        onDone();
      } else {
        setMade(await createApp({ ...draft, isConfidential }));
      }
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };

  if (made) return <AppSecret app={made} onDone={onDone} />;
  const problemAt = (field: string) => (failure?.field === field ? `${failure.message} ${failure.hint ?? ''}` : null);
  const isPlaced = ['name', 'redirectUris', 'role', 'rateLimit'].includes(failure?.field ?? '');
  return (
    <form className={classes.form} onSubmit={(event) => void submit(event)} noValidate>
      {failure && !isPlaced ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      <TextInput
        label={t('Name')}
        description={t('Members see it when they are asked')}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={problemAt('name')}
        data-autofocus
      />
      {app ? null : (
        <SegmentedControl
          aria-label={t('Kind')}
          value={kind}
          onChange={setKind}
          data={[
            { value: 'CONFIDENTIAL', label: t('On a server') },
            { value: 'PUBLIC', label: t('On devices of people') },
          ]}
        />
      )}
      <p className={classes.note}>
        {isConfidential
          ? t('It keeps a secret that is shown once.')
          : t('Everybody can read what it is made of, so it has no secret.')}
      </p>
      <Textarea
        label={t('Addresses to send people back to')}
        description={t('One a line: https, http at localhost, or a scheme of your own')}
        autosize
        minRows={2}
        value={uris}
        onChange={(event) => setUris(event.currentTarget.value)}
        error={problemAt('redirectUris')}
      />
      {isConfidential ? (
        <Select
          label={t('Role when it acts for itself')}
          description={t('With its secret alone, for no member (client credentials)')}
          data={[
            { value: NO_ROLE, label: t('It acts for members only') },
            ...roles.map((role) => ({ value: role.id, label: roleText(role.name) })),
          ]}
          value={roleId}
          onChange={(value) => setRoleId(value ?? NO_ROLE)}
          allowDeselect={false}
          error={problemAt('role')}
        />
      ) : null}
      <NumberInput
        label={t('Requests a minute')}
        description={t('For each member')}
        value={rateLimit}
        onChange={setRateLimit}
        min={1}
        max={1_000_000}
        error={problemAt('rateLimit')}
      />
      <Group gap={8} justify="flex-end">
        <Button variant="default" onClick={onDone}>
          {t('Cancel')}
        </Button>
        <Button type="submit" loading={busy} disabled={name.trim() === ''}>
          {app ? t('Save') : t('Create')}
        </Button>
      </Group>
    </form>
  );
}
