import { Alert, Stack, Switch } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useState } from 'react';
import { toFailure, type Failure } from '../../api/failure.ts';
import classes from '../security.module.css';
import { setSignInMethods, type SignInSettings } from './providers.ts';
import { t } from '../../language/t.ts';

interface MethodsSectionProps {
  settings: SignInSettings;
  onChanged: () => void;
}

/** What members may sign in with, besides the providers of the workspace. */
export function MethodsSection({ settings, onChanged }: MethodsSectionProps) {
  const [failure, setFailure] = useState<Failure | null>(null);
  const { isPasswordOn, isMagicLinkOn, isSsoEnforced, bypassedBy } = settings;
  const change = async (methods: Parameters<typeof setSignInMethods>[0]) => {
    setFailure(null);
    try {
      await setSignInMethods(methods);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    onChanged();
  };
  const who =
    bypassedBy.length > 5
      ? t('{bypassedBy} and others', { bypassedBy: bypassedBy.slice(0, 5).join(', ') })
      : bypassedBy.join(', ');
  const enforce = (isOn: boolean) => {
    if (!isOn) return void change({ isSsoEnforced: false });
    modals.openConfirmModal({
      title: t('Enforce single sign-on?'),
      children: t(
        'Members who came in another way are signed out at once, and come back by a provider only. {who} may still use passwords: their role has the permission “Sign-in without SSO”.',
        { who },
      ),
      labels: { confirm: t('Enforce'), cancel: t('Cancel') },
      onConfirm: () => void change({ isSsoEnforced: true }),
    });
  };
  return (
    <section className={classes.section} aria-labelledby="methods">
      <h2 className={classes.heading} id="methods">
        {t('How members sign in')}
      </h2>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message} my={10}>
          {failure.hint}
        </Alert>
      ) : null}
      <Stack gap={14} mt={10}>
        <Switch
          label={t('By password')}
          checked={isPasswordOn}
          disabled={isSsoEnforced}
          onChange={(event) => void change({ isPasswordOn: event.currentTarget.checked })}
        />
        <Switch
          label={t('By a link that is sent to their address')}
          checked={isMagicLinkOn}
          disabled={isSsoEnforced}
          onChange={(event) => void change({ isMagicLinkOn: event.currentTarget.checked })}
        />
        <Switch
          label={t('By single sign-on only')}
          description={t('{who} may still use passwords. API keys and personal tokens go on.', { who })}
          checked={isSsoEnforced}
          onChange={(event) => enforce(event.currentTarget.checked)}
        />
      </Stack>
    </section>
  );
}
