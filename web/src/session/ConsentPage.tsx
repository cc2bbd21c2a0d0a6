import { Alert, Badge, Button, Select, Skeleton } from '@mantine/core';
import { IconCheck, IconShieldLock } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { fetchJson, toFailure } from '../api/failure.ts';
import { fetchTokens } from '../api/refresh.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { goTo, useSubmission } from './entrance.ts';
import { EntranceCard } from './EntranceCard.tsx';
import classes from './ConsentPage.module.css';
import { enter, signOut, type Identity, type Step } from './session.ts';
import entrance from './SignInPage.module.css';
import { roleText } from '../language/standard.ts';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

interface Consent {
  app: {
    id: string;
    name: string;
    createdByName: string | null;
    isOwn: boolean;
    isApproved: boolean;
  };
  workspace: { id: string; name: string };
  memberName: string;
  roleName: string;
  isAllowed: boolean;
  /** The workspace that the app belongs to, where it is another one of this person. */
  appWorkspaceName: string | null;
  isRemembered: boolean;
  mustSignInAgain: boolean;
  redirectUri: string | null;
  scopes: { scope: string; sentence: string }[];
}

interface Workspace {
  id: string;
  slug: string;
  name: string;
}

const path = () => window.location.pathname;
const signInFirst = () => goTo(`/?next=${encodeURIComponent(path())}`);

/** Where the member decides whether an app may act for them. */
export function ConsentPage() {
  const { answer: consent, failure } = useInquiry('consent', () => fetchJson<Consent>(`${path()}/details`));
  const { busy, problem, run } = useSubmission();
  const isDecided = useRef(false);

  const decide = (allow: boolean) =>
    run(async () => {
      const { next } = await fetchJson<{ next: string }>(path(), { allow });
      window.location.replace(next);
      // The page stays as it is until the browser has gone on.
      await new Promise(() => {});
    });

  useEffect(() => {
    if (failure?.code === 'NOT_SIGNED_IN') signInFirst();
  }, [failure]);
  useEffect(() => {
    if (!consent?.isRemembered || !consent.isAllowed || consent.mustSignInAgain || isDecided.current) return;
    isDecided.current = true;
    void decide(true);
  });

  if (failure && failure.code !== 'NOT_SIGNED_IN') {
    return <EntranceCard title={t('The app cannot be connected')} problem={failure} />;
  }
  if (!consent || (consent.isRemembered && consent.isAllowed && !consent.mustSignInAgain && !problem)) {
    return (
      <EntranceCard title={t('Connecting…')}>
        <Skeleton height={120} />
      </EntranceCard>
    );
  }
  const { app, workspace } = consent;
  return (
    <EntranceCard title={t('Connect “{name}”?', { name: app.name })} problem={problem}>
      <p className={entrance.note}>
        <Origin consent={consent} />
      </p>
      {app.isApproved ? null : (
        <Alert color="yellow" variant="light" title={t('Nobody has vouched for this app')}>
          {t('It registered itself and could give itself any name. Go on only if you have just asked it to connect.')}
        </Alert>
      )}
      <ActingAs consent={consent} />
      {!consent.isAllowed ? (
        <Alert
          color="red"
          variant="light"
          role="alert"
          title={t('{name} does not let this app in', { name: workspace.name })}
        >
          {consent.appWorkspaceName
            ? t('It belongs to {appWorkspaceName}. Choose that workspace above.', {
                appWorkspaceName: consent.appWorkspaceName,
              })
            : t('Ask somebody who keeps the keys of the workspace to allow it.')}
        </Alert>
      ) : (
        <div>
          <h2 className={classes.heading}>{t('It will be able to')}</h2>
          <ul className={classes.list}>
            {consent.scopes.map(({ scope, sentence }) => (
              <li key={scope}>
                <IconCheck size={16} stroke={2} aria-hidden />
                {sentence}
              </li>
            ))}
            <li className={classes.never}>
              <IconShieldLock size={16} stroke={1.75} aria-hidden />
              {t('Never change your sign-in, keys, roles or members')}
            </li>
          </ul>
        </div>
      )}
      {consent.mustSignInAgain ? (
        <>
          <p className={entrance.note}>{t('The app wants you to prove once more who you are.')}</p>
          <Button size="md" fullWidth loading={busy} onClick={() => void run(() => signOut().then(signInFirst))}>
            {t('Sign in again')}
          </Button>
        </>
      ) : consent.isAllowed ? (
        <Button size="md" fullWidth loading={busy} onClick={() => void decide(true)}>
          {t('Allow')}
        </Button>
      ) : null}
      <Button size="md" variant="default" fullWidth disabled={busy} onClick={() => void decide(false)}>
        {consent.isAllowed ? t('Deny') : t('Back to the app')}
      </Button>
      <p className={classes.foot}>{t('You can disconnect it at any time under Settings → Security.')}</p>
    </EntranceCard>
  );
}

/** Where the answer goes: of all that an app says of itself, the one thing that is proved. */
function Origin({ consent: { app, redirectUri } }: { consent: Consent }) {
  const maker = app.isOwn
    ? `${t('{createdByName} has registered it for this workspace.', { createdByName: app.createdByName ?? t('Somebody') })} `
    : '';
  if (redirectUri === null) return <>{maker + t('A device waits for your answer.')}</>;
  const url = new URL(redirectUri);
  if (url.protocol === 'https:')
    return (
      <>
        {maker}
        <Trans text={'You will be sent to <0>{host}</0>.'} values={{ host: url.host }} tags={{ 0: <strong /> }} />
      </>
    );
  return url.protocol === 'http:' ? (
    <>{maker + t('You will be sent to a program on this computer.')}</>
  ) : (
    <>
      {maker}
      <Trans
        text={'You will be sent to the program that opens <0>{protocol}</0> links.'}
        values={{ protocol: url.protocol }}
        tags={{ 0: <strong /> }}
      />
    </>
  );
}

/** As whom, and in which workspace, which a person with several can change. */
function ActingAs({ consent: { workspace, memberName, roleName } }: { consent: Consent }) {
  const { answer } = useInquiry('workspaces', () => fetchJson<Workspace[]>('/auth/workspaces'));
  const { problem, run } = useSubmission();
  const choose = (id: string | null) => {
    const chosen = answer?.find((each) => each.id === id);
    if (!chosen || chosen.id === workspace.id) return;
    void run(async () => {
      const step = await fetchJson<Identity | Step>('/auth/switch', { workspace: chosen.slug }, fetchTokens);
      enter(step);
      if ('next' in step) signInFirst();
      else window.location.reload();
    });
  };
  return (
    <div className={classes.acting}>
      <span>
        {t('As')} <strong>{memberName}</strong> <Badge variant="default">{roleText(roleName)}</Badge>
      </span>
      {answer && answer.length > 1 ? (
        <Select
          label={t('Workspace')}
          data={answer.map(({ id, name }) => ({ value: id, label: name }))}
          value={workspace.id}
          onChange={choose}
          allowDeselect={false}
          error={problem ? toFailure(problem).message : null}
        />
      ) : (
        <span className={classes.workspace}>{t('in {name}', { name: workspace.name })}</span>
      )}
    </div>
  );
}
