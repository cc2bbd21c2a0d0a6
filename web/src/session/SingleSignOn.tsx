import { Button, Divider, TextInput } from '@mantine/core';
import { IconBrandGoogleFilled, IconBrandWindowsFilled, IconLogin2 } from '@tabler/icons-react';
import { useState, type FormEvent } from 'react';
import { useSubmission } from './entrance.ts';
import { EntranceCard } from './EntranceCard.tsx';
import { findWays, startOf, type SignInWays, type Way } from './singleSignOn.ts';
import classes from './SignInPage.module.css';
import { t } from '../language/t.ts';

const ICONS: { [kind: string]: typeof IconLogin2 } = {
  GOOGLE: IconBrandGoogleFilled,
  MICROSOFT: IconBrandWindowsFilled,
};

interface WayButtonProps {
  way: Way;
  email?: string | undefined;
  /** What one does by it. */
  verb?: string | undefined;
}

function WayButton({ way, email, verb = t('Sign in') }: WayButtonProps) {
  const Icon = ICONS[way.kind] ?? IconLogin2;
  return (
    <Button
      component="a"
      href={startOf(way, email)}
      variant="default"
      size="md"
      leftSection={<Icon size={17} aria-hidden />}
      fullWidth
    >
      {way.workspace ? `${way.workspace.name}: ${way.label}` : t('{verb} with {label}', { verb, label: way.label })}
    </Button>
  );
}

/** The providers of the workspace, below the ways that need none. */
export function ProviderButtons({ ways, ...more }: { ways: SignInWays | undefined; email?: string; verb?: string }) {
  if (!ways || ways.providers.length === 0) return null;
  return (
    <>
      <Divider label={t('or')} labelPosition="center" />
      {ways.providers.map((way) => (
        <WayButton key={way.id} way={way} {...more} />
      ))}
    </>
  );
}

/** Where the workspace wants single sign-on, nothing else is put before people; who may go past it finds the way. */
export function OnlySingleSignOn({ ways, onOther }: { ways: SignInWays; onOther: () => void }) {
  return (
    <EntranceCard title={t('Sign in to {name}', { name: ways.workspace?.name ?? t('Relvar') })}>
      <p className={classes.note}>{t('This workspace wants single sign-on.')}</p>
      {ways.providers.map((way) => (
        <WayButton key={way.id} way={way} />
      ))}
      <button type="button" className={classes.more} onClick={onOther}>
        {t('Sign in another way')}
      </button>
    </EntranceCard>
  );
}

/** For who was invited by a workspace that wants single sign-on: with a password alone nobody would get in. */
export function JoinBySingleSignOn({ ways, note, email }: { ways: SignInWays; note: string; email: string }) {
  return (
    <EntranceCard title={t('Join {name}', { name: ways.workspace?.name ?? t('Relvar') })}>
      <p className={classes.note}>{note}</p>
      {ways.providers.map((way) => (
        <WayButton key={way.id} way={way} email={email} verb={t('Join')} />
      ))}
    </EntranceCard>
  );
}

/** For people whose workspace the page does not know yet. */
export function FindSingleSignOn({ onBack }: { onBack: () => void }) {
  const [text, setText] = useState('');
  const [found, setFound] = useState<Way[] | null>(null);
  const { busy, problem, run } = useSubmission();
  const email = text.includes('@') ? text.trim() : undefined;
  const find = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      const ways = await findWays(text.trim());
      const [only] = ways;
      if (only && ways.length === 1) window.location.assign(startOf(only, email));
      else setFound(ways);
    });
  };
  return (
    <EntranceCard title={t('Single sign-on')} problem={problem} onSubmit={find}>
      <p className={classes.note}>{t('Sign in with the account that your organization gave you.')}</p>
      <TextInput
        label={t('Work e-mail, or short name of the workspace')}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setFound(null);
        }}
        error={
          found?.length === 0
            ? t('No single sign-on was found for {text}. Ask an administrator for the short name of your workspace.', {
                text: text.trim(),
              })
            : null
        }
        autoComplete="username"
        size="md"
        autoFocus
      />
      {found?.map((way) => (
        <WayButton key={way.id} way={way} email={email} />
      ))}
      <Button type="submit" size="md" loading={busy} disabled={text.trim() === ''} fullWidth>
        {t('Continue')}
      </Button>
      <button type="button" className={classes.more} onClick={onBack}>
        {t('Sign in another way')}
      </button>
    </EntranceCard>
  );
}
