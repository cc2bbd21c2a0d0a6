import { Button, Group, Menu, Skeleton } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { formatRelative } from '../../model/dates.ts';
import { announceFailure } from '../../records/announce.tsx';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import lists from '../../settings/lists.module.css';
import { useInquiry } from '../../settings/useInquiry.ts';
import { SecurityFrame } from '../SecurityFrame.tsx';
import classes from '../security.module.css';
import { KINDS, kindOf } from './kinds.ts';
import { MethodsSection } from './MethodsSection.tsx';
import { ProviderEditor } from './ProviderEditor.tsx';
import { createProvider, identityProviders, signInSettings, type Provider, type ProviderKind } from './providers.ts';
import { t } from '../../language/t.ts';

/** How members sign in, for those who decide it: methods, and the identity providers of the workspace. */
export function SignInSettingsPage() {
  const { provider: openId } = useSearch({ from: '/settings/sign-in' });
  const settings = useInquiry('sign-in settings', signInSettings);
  const providers = useInquiry('identity providers', identityProviders);
  const failure = settings.failure ?? providers.failure;
  const opened = providers.answer?.find(({ id }) => id === openId);
  const again = () => {
    settings.again();
    providers.again();
  };
  return (
    <SecurityFrame label={t('Sign-in of the members')}>
      {failure ? (
        <ReadFailure what={t('Sign-in settings')} failure={failure} onRetry={again} />
      ) : !settings.answer || !providers.answer || (openId && !opened && providers.busy) ? (
        <Skeleton height={240} />
      ) : opened ? (
        <ProviderEditor key={opened.id} provider={opened} settings={settings.answer} onChanged={again} />
      ) : (
        <>
          <MethodsSection settings={settings.answer} onChanged={again} />
          <Providers providers={providers.answer} onAdded={again} />
        </>
      )}
    </SecurityFrame>
  );
}

function stateOf({ isEnabled, testedAt, lacks, lastUsedAt }: Provider): string {
  if (lacks !== null) return t('Not set up yet');
  if (!isEnabled) return t('Off');
  if (lastUsedAt !== null) return t('On · last used {lastUsedAt}', { lastUsedAt: formatRelative(lastUsedAt) });
  return testedAt === null ? t('On · not tried yet') : 'On · tested';
}

function Providers({ providers, onAdded }: { providers: Provider[]; onAdded: () => void }) {
  const navigate = useNavigate();
  const add = async (kind: ProviderKind, label: string) => {
    try {
      const { id } = await createProvider(kind, label);
      onAdded();
      await navigate({ to: '/settings/sign-in', search: { provider: id } });
    } catch (cause) {
      announceFailure(t('The provider was not added'), cause);
    }
  };
  return (
    <section className={classes.section} aria-labelledby="providers">
      <Group justify="space-between" mb={8}>
        <h2 className={classes.heading} id="providers">
          {t('Single sign-on')}
        </h2>
        <Menu position="bottom-end">
          <Menu.Target>
            <Button leftSection={<IconPlus size={15} />}>{t('Add a provider')}</Button>
          </Menu.Target>
          <Menu.Dropdown>
            {KINDS.map(({ kind, name, label, icon: Icon }) => (
              <Menu.Item key={kind} leftSection={<Icon size={15} />} onClick={() => void add(kind, label)}>
                {name}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      </Group>
      {providers.length === 0 ? (
        <p className={classes.note}>
          {t(
            'None yet. With a provider, members sign in with the account that your organization gives them, and people at your domains can become members by signing in.',
          )}
        </p>
      ) : (
        <ul className={lists.lines} aria-label={t('Providers')}>
          {providers.map((provider) => (
            <li key={provider.id} className={lists.line} data-inactive={provider.isEnabled ? undefined : true}>
              <Link to="/settings/sign-in" search={{ provider: provider.id }} className={classes.entry}>
                <strong>{provider.label}</strong>
                <small>{`${kindOf(provider.kind)?.name ?? provider.kind} · ${stateOf(provider)}`}</small>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
