import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { goTo, ownPath, tokenOfLink, useLook } from './entrance.ts';
import { EntranceCard } from './EntranceCard.tsx';
import { enter, type Step } from './session.ts';
import classes from './SignInPage.module.css';
import { t } from '../language/t.ts';

interface Outcome {
  code: string;
  message: string;
  hint: string | null;
  back: string;
}

/** Where single sign-on comes back to when there is something to say, or something left to do. */
export function SsoReturn() {
  const [said] = useState(() => new URLSearchParams(tokenOfLink()));
  const next = said.get('next');
  useEffect(() => {
    if (next === null) return;
    const step: Step = {
      next: next as Step['next'],
      ticket: said.get('ticket') ?? '',
      ways: (said.get('ways') ?? '').split(' ').filter((way) => way === 'PASSKEY' || way === 'APP'),
      rememberDays: Number(said.get('rememberDays') ?? 0),
    };
    enter(step);
    goTo(said.get('path') ?? '/');
  }, [next, said]);
  return next === null ? <Told outcome={said.get('outcome') ?? ''} /> : null;
}

function Told({ outcome }: { outcome: string }) {
  const { found, failure } = useLook<Outcome>('/auth/sso/outcome', { outcome });
  const told = found ?? failure;
  const back = ownPath(found?.back);
  return (
    <EntranceCard
      title={t('Single sign-on')}
      problem={told ? { message: told.message, hint: told.hint ?? undefined } : null}
    >
      {told ? (
        <>
          <Button component="a" href={back} size="md" fullWidth data-autofocus autoFocus>
            {back === '/' ? t('Back to sign-in') : t('Back to the settings')}
          </Button>
          <p className={classes.note}>{found ? t('Code {code}', { code: found.code }) : null}</p>
        </>
      ) : null}
    </EntranceCard>
  );
}
