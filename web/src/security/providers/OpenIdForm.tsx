import { Alert, Button, Checkbox, PasswordInput, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../../api/failure.ts';
import classes from '../security.module.css';
import type { KindFormProps } from './kinds.ts';
import { saveSecret, updateProvider, type Settings } from './providers.ts';
import { t } from '../../language/t.ts';

interface Field {
  key: string;
  label: string;
  description: string;
  placeholder?: string;
}

const CLIENT_ID = { key: 'clientId', label: t('Client id'), description: t('As the provider shows it.') };

const FIELDS: { [kind: string]: Field[] } = {
  OIDC: [
    {
      key: 'issuer',
      label: t('Issuer'),
      description: t('The address that the provider describes itself at. https, without /.well-known/…'),
      placeholder: 'https://login.acme.com',
    },
    CLIENT_ID,
    {
      key: 'scopes',
      label: t('Further scopes'),
      description: t('Besides openid, email and profile; such as groups. Optional.'),
    },
  ],
  GOOGLE: [
    CLIENT_ID,
    {
      key: 'hostedDomain',
      label: t('Google Workspace domain'),
      description: t('Lets in accounts of this domain only. Optional.'),
      placeholder: 'acme.com',
    },
  ],
  MICROSOFT: [
    { ...CLIENT_ID, label: t('Application (client) id') },
    {
      key: 'tenant',
      label: t('Directory (tenant)'),
      description: t('The id of your directory. “organizations” lets in those of all organizations.'),
    },
  ],
};

const TRUST: { [kind: string]: string } = {
  OIDC: t('The provider has verified the addresses of all its people, without saying so of each (email_verified).'),
  MICROSOFT: t(
    'Nobody but our administrators sets addresses in this directory. Otherwise add the optional claim xms_edov.',
  ),
};

const textsOf = (kind: string, settings: Settings): { [key: string]: string } =>
  Object.fromEntries((FIELDS[kind] ?? []).map(({ key }) => [key, String(settings[key] ?? '')]));

/** Google, Microsoft and any OpenID provider: the same protocol, with fewer or more questions. */
export function OpenIdForm({ provider, onSaved }: KindFormProps) {
  const { id, kind, settings, hasSecret } = provider;
  const [texts, setTexts] = useState(() => textsOf(kind, settings));
  const [trusts, setTrusts] = useState(settings['trustsEmail'] === true);
  const [secret, setSecret] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const fields = FIELDS[kind] ?? [];
  const errorAt = (key: string) => (failure?.field === key ? failure.message : null);

  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      const kept = Object.fromEntries(
        fields.flatMap(({ key }) => (texts[key]?.trim() ? [[key, texts[key].trim()]] : [])),
      );
      await updateProvider(id, { settings: { ...kept, ...(trusts ? { trustsEmail: true } : {}) } });
      if (secret !== '') await saveSecret(id, secret);
      setSecret('');
      onSaved();
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };

  return (
    <form className={classes.form} onSubmit={(event) => void save(event)} noValidate>
      {failure && !fields.some(({ key }) => key === failure.field) ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      {fields.map(({ key, label, description, placeholder }) => (
        <TextInput
          key={key}
          label={label}
          description={description}
          placeholder={placeholder ?? ''}
          value={texts[key] ?? ''}
          error={errorAt(key)}
          onChange={(event) => {
            const { value } = event.currentTarget;
            setTexts({ ...texts, [key]: value });
          }}
        />
      ))}
      <PasswordInput
        label={t('Client secret')}
        description={
          hasSecret ? t('There is one. Write another to replace it.') : t('It is sealed, and never shown again.')
        }
        value={secret}
        onChange={(event) => setSecret(event.currentTarget.value)}
        autoComplete="off"
      />
      {TRUST[kind] ? (
        <Checkbox
          label={t('Believe every address')}
          description={TRUST[kind]}
          checked={trusts}
          error={errorAt('trustsEmail')}
          onChange={(event) => setTrusts(event.currentTarget.checked)}
        />
      ) : null}
      <div>
        <Button type="submit" loading={busy}>
          {t('Save')}
        </Button>
      </div>
    </form>
  );
}
