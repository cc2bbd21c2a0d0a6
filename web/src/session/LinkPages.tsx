import { Button, Radio } from '@mantine/core';
import { useState } from 'react';
import { fetchJson } from '../api/failure.ts';
import { goTo, tokenOfLink, useLook, useSubmission } from './entrance.ts';
import { EntranceCard } from './EntranceCard.tsx';
import { enter as proceed, type Elsewhere, type Identity, type Step } from './session.ts';
import classes from './SignInPage.module.css';
import { t } from '../language/t.ts';

interface ConfirmProps {
  title: string;
  explanation: string;
  action: string;
  path: string;
  done: (answer: { email?: string; domain?: string }) => string;
}

/** A link is followed by programs that look for harm in mails, too. So nothing happens before somebody presses a button. */
function Confirm({ title, explanation, action, path, done }: ConfirmProps) {
  const [result, setResult] = useState<string | null>(null);
  const { busy, problem, run } = useSubmission();
  const confirm = () =>
    run(async () =>
      setResult(done(await fetchJson<{ email?: string; domain?: string }>(path, { token: tokenOfLink() }))),
    );
  return (
    <EntranceCard title={title} problem={problem}>
      <p role={result === null ? undefined : 'status'} className={classes.note}>
        {result ?? explanation}
      </p>
      {result === null ? (
        <Button size="md" loading={busy} onClick={() => void confirm()} fullWidth>
          {action}
        </Button>
      ) : (
        <Button component="a" href="/" size="md" fullWidth>
          {t('Go to Relvar')}
        </Button>
      )}
    </EntranceCard>
  );
}

export const VerifyEmail = () => (
  <Confirm
    title={t('Confirm your e-mail address')}
    explanation={t('One step is left: say that it was you who asked for this.')}
    action={t('Confirm the address')}
    path="/auth/verify-email"
    done={({ email }) => t('{email} is confirmed.', { email })}
  />
);

export const ChangeEmail = () => (
  <Confirm
    title={t('Use this e-mail address')}
    explanation={t('From then on you sign in with it.')}
    action={t('Use this address')}
    path="/auth/change-email"
    done={({ email }) => t('You sign in with {email} now.', { email })}
  />
);

export const ApproveDomain = () => (
  <Confirm
    title={t('Approve the domain')}
    explanation={t('Everyone with an address at your domain can then join the workspace without an invitation.')}
    action={t('Approve the domain')}
    path="/auth/approve-domain"
    done={({ domain }) => t('Everyone at {domain} may join now.', { domain })}
  />
);

interface MagicLink {
  email: string;
  next: string | null;
  workspaces: { slug: string; name: string }[];
}

export function FollowMagicLink() {
  const { found, failure } = useLook<MagicLink>('/auth/magic-link/look', { token: tokenOfLink() });
  const [workspace, setWorkspace] = useState<string | null>(null);
  const { busy, problem, run } = useSubmission();
  const chosen = workspace ?? found?.workspaces[0]?.slug;
  const enter = () =>
    run(async () => {
      const answer = await fetchJson<Identity | Step | Elsewhere>('/auth/magic-link', {
        token: tokenOfLink(),
        ...(chosen ? { workspace: chosen } : {}),
      });
      if (proceed(answer)) goTo(found?.next ?? '/');
    });
  return (
    <EntranceCard title={t('Sign in to Relvar')} problem={problem ?? failure ?? null}>
      {found ? <p className={classes.note}>{t('You sign in as {email}.', { email: found.email })}</p> : null}
      {found && found.workspaces.length > 1 ? (
        <Radio.Group label={t('Workspace')} value={chosen ?? null} onChange={setWorkspace}>
          {found.workspaces.map(({ slug, name }) => (
            <Radio key={slug} value={slug} label={name} mt={8} />
          ))}
        </Radio.Group>
      ) : null}
      {failure ? (
        <a className={classes.more} href="/magic-link">
          {t('Send me a new link')}
        </a>
      ) : (
        <Button size="md" loading={busy} disabled={!found} onClick={() => void enter()} fullWidth>
          {t('Sign in')}
        </Button>
      )}
    </EntranceCard>
  );
}
