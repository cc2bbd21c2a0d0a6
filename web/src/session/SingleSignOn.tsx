import { Button, Divider, TextInput } from '@mantine/core';
import { IconBrandGoogleFilled, IconBrandWindowsFilled, IconLogin2 } from '@tabler/icons-react';
import { useState, type FormEvent } from 'react';
import { useSubmission } from './entrance.ts';
import { EntranceCard } from './EntranceCard.tsx';
import { findWays, startOf, type SignInWays, type Way } from './singleSignOn.ts';
import classes from './SignInPage.module.css';

const ICONS: { [kind: string]: typeof IconLogin2 } = {
  GOOGLE: IconBrandGoogleFilled,
  MICROSOFT: IconBrandWindowsFilled,
};

function WayButton({ way, email }: { way: Way; email?: string | undefined }) {
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
      {way.workspace ? `${way.workspace.name}: ${way.label}` : `Sign in with ${way.label}`}
    </Button>
  );
}

/** The providers of the workspace, below the ways that need none. */
export function ProviderButtons({ ways }: { ways: SignInWays | undefined }) {
  if (!ways || ways.providers.length === 0) return null;
  return (
    <>
      <Divider label="or" labelPosition="center" />
      {ways.providers.map((way) => (
        <WayButton key={way.id} way={way} />
      ))}
    </>
  );
}

/** Where the workspace wants single sign-on, nothing else is put before people; who may go past it finds the way. */
export function OnlySingleSignOn({ ways, onOther }: { ways: SignInWays; onOther: () => void }) {
  return (
    <EntranceCard title={`Sign in to ${ways.workspace?.name ?? 'Relvar'}`}>
      <p className={classes.note}>This workspace wants single sign-on.</p>
      {ways.providers.map((way) => (
        <WayButton key={way.id} way={way} />
      ))}
      <button type="button" className={classes.more} onClick={onOther}>
        Sign in another way
      </button>
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
    <EntranceCard title="Single sign-on" problem={problem} onSubmit={find}>
      <p className={classes.note}>Sign in with the account that your organization gave you.</p>
      <TextInput
        label="Work e-mail, or short name of the workspace"
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setFound(null);
        }}
        error={
          found?.length === 0
            ? `No single sign-on was found for ${text.trim()}. Ask an administrator for the short name of your workspace.`
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
        Continue
      </Button>
      <button type="button" className={classes.more} onClick={onBack}>
        Sign in another way
      </button>
    </EntranceCard>
  );
}
