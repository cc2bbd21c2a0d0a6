import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useEntrance, wantedPath } from './entrance.ts';
import { EntranceCard } from './EntranceCard.tsx';
import { SignInPage } from './SignInPage.tsx';
import classes from './SignInPage.module.css';
import { t } from '../language/t.ts';

/** One signs in at the address of a workspace, where each has one; the address of all leads there. */
export function SignInGate() {
  const options = useEntrance();
  if (options?.addresses !== undefined) return <FindWorkspace addresses={options.addresses} />;
  return options?.workspace === null ? <NoWorkspace /> : <SignInPage />;
}

function FindWorkspace({ addresses }: { addresses: string }) {
  const [slug, setSlug] = useState('');
  const [before, after] = addresses.split('*');
  const name = slug.trim().toLowerCase();
  const isName = /^[a-z][a-z0-9-]{1,38}[a-z0-9]$/.test(name);
  return (
    <EntranceCard
      title={t('Where do you work?')}
      problem={null}
      onSubmit={(event) => {
        event.preventDefault();
        if (isName) window.location.assign(`${before}${name}${after}${wantedPath()}`);
      }}
    >
      <TextInput
        label={t('Your workspace')}
        description={t('Its short name, as in the address that you were given')}
        rightSection={<span className={classes.suffix}>{after}</span>}
        rightSectionWidth={Math.min(220, 20 + (after?.length ?? 0) * 8)}
        value={slug}
        onChange={(event) => setSlug(event.currentTarget.value)}
        autoComplete="organization"
        size="md"
        autoFocus
      />
      <Button type="submit" size="md" disabled={!isName} fullWidth>
        {t('Go on')}
      </Button>
      <div className={classes.links}>
        <a className={classes.more} href="/sign-up">
          {t('Sign up')}
        </a>
      </div>
    </EntranceCard>
  );
}

function NoWorkspace() {
  const { protocol, host } = window.location;
  return (
    <EntranceCard
      title={t('There is no such workspace')}
      problem={{ message: t('No workspace has this address.'), hint: t('Check the address for a slip of the pen.') }}
      onSubmit={(event) => {
        event.preventDefault();
        window.location.assign(`${protocol}//${host.slice(host.indexOf('.') + 1)}/`);
      }}
    >
      <Button type="submit" size="md" fullWidth>
        {t('Find your workspace')}
      </Button>
    </EntranceCard>
  );
}
