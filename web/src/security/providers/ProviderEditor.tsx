import { Alert, Button, Group, Switch, TextInput } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconArrowLeft } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { toFailure, type Failure } from '../../api/failure.ts';
import { formatRelative } from '../../model/dates.ts';
import { announceFailure } from '../../records/announce.tsx';
import { useSession } from '../../session/session.ts';
import lists from '../../settings/lists.module.css';
import classes from '../security.module.css';
import { Address } from './Address.tsx';
import { kindOf } from './kinds.ts';
import {
  deleteProvider,
  disconnectMember,
  updateProvider,
  type Patch,
  type Provider,
  type SignInSettings,
} from './providers.ts';
import { TryProvider } from './TryProvider.tsx';
import { WhoGetsIn } from './WhoGetsIn.tsx';
import { t } from '../../language/t.ts';

interface ProviderEditorProps {
  provider: Provider;
  settings: SignInSettings;
  onChanged: () => void;
}

/** One identity provider: what it needs, whether it works, whom it lets in. */
export function ProviderEditor({ provider, settings, onChanged }: ProviderEditorProps) {
  const { id, label, isEnabled, lacks } = provider;
  const [failure, setFailure] = useState<Failure | null>(null);
  const kind = kindOf(provider.kind);
  const change = async (patch: Patch): Promise<boolean> => {
    setFailure(null);
    try {
      await updateProvider(id, patch);
      return true;
    } catch (cause) {
      setFailure(toFailure(cause));
      return false;
    } finally {
      onChanged();
    }
  };
  return (
    <>
      <Link to="/settings/sign-in" search={{}} className={classes.back}>
        <IconArrowLeft size={14} aria-hidden />
        {t('Sign-in of the members')}
      </Link>
      <Group justify="space-between" mb={14}>
        <h2 className={classes.name}>{label}</h2>
        <Switch
          label={isEnabled ? t('On') : t('Off')}
          aria-label={t('Switched on')}
          checked={isEnabled}
          disabled={!isEnabled && lacks !== null}
          onChange={(event) => void change({ isEnabled: event.currentTarget.checked })}
        />
      </Group>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message} mb={14}>
          {failure.hint}
        </Alert>
      ) : null}
      <Names provider={provider} change={change} />
      <section className={classes.section} aria-labelledby="connection">
        <h3 className={classes.heading} id="connection">
          {kind?.name ?? provider.kind}
        </h3>
        <p className={classes.note}>{kind?.steps}</p>
        {kind?.hasCallback ? (
          <Address label={t('Redirect address')} value={`${window.location.origin}/auth/sso/callback/${id}`} />
        ) : null}
        {kind ? <kind.Form provider={provider} onSaved={onChanged} /> : null}
      </section>
      <TryProvider provider={provider} />
      <WhoGetsIn provider={provider} domains={settings.domains} change={change} />
      <Connected provider={provider} onChanged={onChanged} />
      <Remove provider={provider} onRemoved={onChanged} />
    </>
  );
}

function Names({ provider, change }: { provider: Provider; change: (patch: Patch) => Promise<boolean> }) {
  const [label, setLabel] = useState(provider.label);
  const workspace = useSession(({ identity }) => identity?.workspace.slug);
  return (
    <section className={classes.section} aria-labelledby="names">
      <h3 className={classes.heading} id="names">
        {t('On the sign-in page')}
      </h3>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          void change({ label });
        }}
      >
        <TextInput
          label={t('Name')}
          description={t('The button says “Sign in with {label}”.', { label })}
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
        />
        <div>
          <Button type="submit" variant="default" disabled={label.trim() === '' || label === provider.label}>
            {t('Save the name')}
          </Button>
        </div>
      </form>
      <Address
        label={t('Address that signs in at once')}
        value={`${window.location.origin}/auth/sso/go/${workspace}/${provider.slug}`}
      />
    </section>
  );
}

function Connected({ provider, onChanged }: { provider: Provider; onChanged: () => void }) {
  const disconnect = (memberId: string, name: string) =>
    modals.openConfirmModal({
      title: t('Disconnect {name}?', { name }),
      children: t(
        '{name} is signed out where this provider let them in. The next who comes with the address is connected anew.',
        { name },
      ),
      labels: { confirm: t('Disconnect'), cancel: t('Cancel') },
      onConfirm: () =>
        void disconnectMember(provider.id, memberId)
          .catch((cause: unknown) => announceFailure(t('{name} was not disconnected', { name }), cause))
          .finally(onChanged),
    });
  return (
    <section className={classes.section} aria-labelledby="connected">
      <h3 className={classes.heading} id="connected">
        {t('Connected members')}
      </h3>
      {provider.members.length === 0 ? (
        <p className={classes.note}>{t('Nobody has signed in by it yet.')}</p>
      ) : (
        <ul className={lists.lines} aria-label={t('Connected members')}>
          {provider.members.map(({ memberId, name, email, lastUsedAt }) => (
            <li key={memberId} className={lists.line}>
              <div className={lists.main}>
                <strong>{name}</strong>
                <small>
                  {email === null
                    ? t('last {lastUsedAt}', { lastUsedAt: formatRelative(lastUsedAt) })
                    : t('as {email} · last {lastUsedAt}', { email, lastUsedAt: formatRelative(lastUsedAt) })}
                </small>
              </div>
              <Button
                variant="subtle"
                aria-label={t('Disconnect {name}', { name })}
                onClick={() => disconnect(memberId, name)}
              >
                {t('Disconnect')}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Remove({ provider, onRemoved }: { provider: Provider; onRemoved: () => void }) {
  const navigate = useNavigate();
  const remove = async () => {
    try {
      await deleteProvider(provider.id);
      await navigate({ to: '/settings/sign-in', search: {} });
      onRemoved();
    } catch (cause) {
      announceFailure(t('The provider was not removed'), cause);
    }
  };
  const confirm = () =>
    modals.openConfirmModal({
      title: t('Remove “{label}”?', { label: provider.label }),
      children: t('Members who came in by it are signed out. They stay members.'),
      labels: { confirm: t('Remove'), cancel: t('Cancel') },
      confirmProps: { color: 'red' },
      onConfirm: () => void remove(),
    });
  return (
    <Button variant="subtle" color="red" onClick={confirm}>
      {t('Remove the provider')}
    </Button>
  );
}
