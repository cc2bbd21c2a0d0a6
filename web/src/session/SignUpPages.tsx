import { Button, PasswordInput, Radio, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState, type ReactNode } from 'react';
import { fetchJson } from '../api/failure.ts';
import { useCaptcha } from './Captcha.tsx';
import { goTo, tokenOfLink, useEntrance, useLook, useSubmission } from './entrance.ts';
import { EntranceCard } from './EntranceCard.tsx';
import { AskForMail, passwordError } from './PasswordPages.tsx';
import { enter, type Elsewhere, type Identity, type Step } from './session.ts';
import { JoinBySingleSignOn, ProviderButtons } from './SingleSignOn.tsx';
import { useWaysInto } from './singleSignOn.ts';
import classes from './SignInPage.module.css';
import { t } from '../language/t.ts';

interface Way {
  email?: string;
  account?: 'NONE' | 'WITH_PASSWORD' | 'WITHOUT_PASSWORD';
  invitedBy?: string;
  workspaces: { slug: string; name: string }[];
  maySignUp?: boolean;
}

const NEW = ' new';

const slugOf = (name: string): string =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 40);

/** By an invitation, which proves the address that it went to. */
export function AcceptInvitation() {
  const { found, failure } = useLook<Way>('/auth/sign-up/look', { invitation: tokenOfLink() });
  const ways = useWaysInto(found?.workspaces[0]?.slug);
  if (!found || ways === undefined) return <NotOpen title={t('Join a workspace')} failure={failure} />;
  const { email, account } = found;
  const proof = { invitation: tokenOfLink() };
  // Who has an account already agrees with its password: the workspace's provider does not speak for it.
  if (!ways || email === undefined || account !== 'NONE') return <SignUpForm way={found} proof={proof} />;
  if (ways.isSsoEnforced && ways.providers.length > 0)
    return <JoinBySingleSignOn ways={ways} email={email} note={introduction(found, false)} />;
  return (
    <SignUpForm way={found} proof={proof} others={<ProviderButtons ways={ways} email={email} verb={t('Join')} />} />
  );
}

/** By the workspace's invite link, which anybody may have been given. */
export function FollowInviteLink() {
  const options = useEntrance();
  const { found, failure } = useLook<Way>('/auth/sign-up/look', { link: tokenOfLink() });
  if (!found || !options) return <NotOpen title={t('Join a workspace')} failure={failure} />;
  const [workspace] = found.workspaces;
  if (options.mustProveEmail) {
    return (
      <AskForMail
        title={t('Join {name}', { name: workspace?.name })}
        path="/auth/sign-up/request"
        explanation={t('Say which e-mail address is yours, and we send you a link to go on.')}
        action={t('Go on')}
        sent={t('A link to go on is on its way to')}
        extra={() => ({ link: tokenOfLink() })}
      />
    );
  }
  return <SignUpForm way={found} proof={{ link: tokenOfLink() }} />;
}

/** By a link that proves an address, or, where that is not asked for, by saying who one is. */
export function SignUp() {
  const token = tokenOfLink();
  const options = useEntrance();
  const [byMail, setByMail] = useState(false);
  if (token !== '') return <FollowSignUpLink token={token} />;
  if (!options) return <NotOpen title={t('Sign up')} failure={undefined} />;
  if (options.maySignUp && !options.mustProveEmail && !byMail) {
    const others = (
      <button type="button" className={classes.more} onClick={() => setByMail(true)}>
        {t('Join a workspace that is open to your e-mail address instead')}
      </button>
    );
    return <SignUpForm way={{ workspaces: [], maySignUp: true }} proof={{}} others={others} />;
  }
  return (
    <AskForMail
      title={t('Sign up')}
      path="/auth/sign-up/request"
      explanation={t(
        'Say which e-mail address is yours. The link that we send you shows which workspaces are open to you.',
      )}
      action={t('Go on')}
      sent={t('A link to go on is on its way to')}
    />
  );
}

function FollowSignUpLink({ token }: { token: string }) {
  const { found, failure } = useLook<Way>('/auth/sign-up/look', { token });
  if (!found) return <NotOpen title={t('Sign up')} failure={failure} />;
  if (found.workspaces.length === 0 && !found.maySignUp) {
    return (
      <EntranceCard title={t('No workspace is open to you')}>
        <p className={classes.note}>
          {t(
            'Nobody has invited {email}, and no workspace is open to everyone at its domain. Ask an administrator of your workspace for an invitation.',
            { email: found.email },
          )}
        </p>
        <BackToSignIn />
      </EntranceCard>
    );
  }
  return <SignUpForm way={found} proof={{ token }} />;
}

function NotOpen({
  title,
  failure,
}: {
  title: string;
  failure: { message: string; hint?: string | undefined } | undefined;
}) {
  return (
    <EntranceCard title={title} problem={failure ?? null}>
      {failure ? <BackToSignIn /> : null}
    </EntranceCard>
  );
}

const BackToSignIn = () => (
  <a className={classes.more} href="/">
    {t('Back to sign-in')}
  </a>
);

interface Proof {
  invitation?: string;
  link?: string;
  token?: string;
}

/** Asks for what is still missing: an address that is not proved, a name and password, or the password of the account. */
function SignUpForm({ way, proof, others }: { way: Way; proof: Proof; others?: ReactNode }) {
  const { busy, problem, run } = useSubmission();
  const hasAccount = way.account === 'WITH_PASSWORD';
  const isAsked = way.email === undefined;
  const captcha = useCaptcha(isAsked);
  const [first] = way.workspaces;
  const [choice, setChoice] = useState(first?.slug ?? NEW);
  const isNew = choice === NEW;
  const form = useForm({
    initialValues: { email: '', name: '', password: '', workspaceName: '' },
    validate: {
      email: (value) => (isAsked && !value.includes('@') ? t('Enter your e-mail address.') : null),
      name: (value) => (hasAccount || value.trim() !== '' ? null : t('Say what you are called.')),
      password: (value) => (hasAccount ? (value === '' ? t('Enter your password.') : null) : passwordError(value)),
      workspaceName: (value) =>
        isNew && slugOf(value).length < 3 ? t('Give the workspace a name of three letters or more.') : null,
    },
  });
  const submit = form.onSubmit(({ email, name, password, workspaceName }) =>
    run(async () => {
      const answer = await fetchJson<Identity | Step | Elsewhere | null>('/auth/sign-up', {
        ...proof,
        ...captcha.fields,
        password,
        ...(isAsked ? { email: email.trim() } : {}),
        ...(hasAccount ? {} : { name: name.trim() }),
        ...(isNew ? { newWorkspace: workspaceName.trim(), workspace: slugOf(workspaceName) } : {}),
        ...(!isNew && proof.token !== undefined ? { workspace: choice } : {}),
      }).finally(captcha.again);
      if (!answer || enter(answer)) goTo('/');
    }),
  );
  const title =
    isNew && way.workspaces.length === 0
      ? t('Make your workspace')
      : t('Join {value}', { value: isNew ? t('Relvar') : nameOf(way, choice) });
  return (
    <EntranceCard title={title} problem={problem} onSubmit={submit}>
      <p className={classes.note}>{introduction(way, hasAccount)}</p>
      {way.workspaces.length + (way.maySignUp ? 1 : 0) > 1 ? (
        <Radio.Group label={t('Workspace')} value={choice} onChange={setChoice}>
          {way.workspaces.map(({ slug, name }) => (
            <Radio key={slug} value={slug} label={name} mt={8} />
          ))}
          {way.maySignUp ? <Radio value={NEW} label={t('A new workspace')} mt={8} /> : null}
        </Radio.Group>
      ) : null}
      {isNew ? (
        <TextInput
          label={t('Name of the workspace')}
          description={
            slugOf(form.values.workspaceName)
              ? t('Its short name will be {workspaceName}', { workspaceName: slugOf(form.values.workspaceName) })
              : undefined
          }
          autoComplete="organization"
          size="md"
          {...form.getInputProps('workspaceName')}
        />
      ) : null}
      {isAsked ? (
        <TextInput
          label={t('E-mail')}
          type="email"
          autoComplete="username"
          size="md"
          {...form.getInputProps('email')}
        />
      ) : (
        <input type="hidden" autoComplete="username" value={way.email} readOnly />
      )}
      {hasAccount ? null : (
        <TextInput label={t('Your name')} autoComplete="name" size="md" {...form.getInputProps('name')} />
      )}
      <PasswordInput
        label={t('Password')}
        description={hasAccount ? t('That of your account') : t('At least 10 characters')}
        autoComplete={hasAccount ? 'current-password' : 'new-password'}
        size="md"
        {...form.getInputProps('password')}
      />
      {captcha.task}
      <Button type="submit" size="md" loading={busy} disabled={!captcha.isSolved} fullWidth>
        {isNew ? t('Make the workspace') : t('Join')}
      </Button>
      {hasAccount ? (
        <a className={classes.more} href="/forgot-password">
          {t('Forgot your password?')}
        </a>
      ) : null}
      {others}
    </EntranceCard>
  );
}

const nameOf = (way: Way, slug: string): string =>
  way.workspaces.find((each) => each.slug === slug)?.name ?? t('Relvar');

function introduction({ email, invitedBy }: Way, hasAccount: boolean): string {
  const inviter = invitedBy ? `${t('{invitedBy} invites you.', { invitedBy })} ` : '';
  if (hasAccount)
    return inviter + t('You have an account with {email} already: enter its password to join.', { email });
  return email === undefined
    ? t('You will sign in with this address.')
    : inviter + t('You will sign in with {email}.', { email });
}
