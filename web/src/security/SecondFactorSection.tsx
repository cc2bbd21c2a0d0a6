import { Button, Group, Skeleton } from '@mantine/core';
import { useState } from 'react';
import { ReadFailure } from '../records/ReadFailure.tsx';
import type { Inquiry } from '../settings/useInquiry.ts';
import { askProof } from './askProof.tsx';
import {
  beginSecondFactor,
  confirmSecondFactor,
  endSecondFactor,
  makeRecoveryCodes,
  type SecondFactorState,
  type SetUp,
} from './calls.ts';
import { RecoveryCodes } from './Secret.tsx';
import classes from './security.module.css';
import { SetUpSecondFactor } from './SetUpSecondFactor.tsx';
import { t } from '../language/t.ts';

interface SecondFactorSectionProps {
  inquiry: Inquiry<SecondFactorState>;
}

/** Codes of an app, and codes for who has lost what proves them. */
export function SecondFactorSection({ inquiry: { answer: state, failure, again } }: SecondFactorSectionProps) {
  const [setUp, setSetUp] = useState<SetUp | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);

  const begin = () =>
    askProof(t('Turn on the second factor'), t('Continue'), async (proof) => setSetUp(await beginSecondFactor(proof)));
  const confirm = async (code: string) => {
    setCodes(await confirmSecondFactor(code));
    setSetUp(null);
    again();
  };
  const renew = () =>
    askProof(t('New recovery codes'), t('Make new codes'), async (proof) => {
      setCodes(await makeRecoveryCodes(proof));
      again();
    });
  const end = () =>
    askProof(t('Turn off the second factor'), t('Turn off'), async (proof) => {
      await endSecondFactor(proof);
      again();
    });

  return (
    <section className={classes.section} aria-labelledby="second-factor">
      <h2 className={classes.heading} id="second-factor">
        {t('Second factor')}
      </h2>
      {failure ? (
        <ReadFailure what={t('Second factor')} failure={failure} onRetry={again} />
      ) : codes ? (
        <RecoveryCodes codes={codes} onDone={() => setCodes(null)} />
      ) : setUp ? (
        <SetUpSecondFactor setUp={setUp} confirm={confirm} onCancel={() => setSetUp(null)} />
      ) : !state ? (
        <Skeleton height={60} />
      ) : state.isOn ? (
        <div className={classes.setUp}>
          <p className={classes.note}>
            {state.passkeys > 0
              ? t(
                  'On: signing in asks for a code of your app or a passkey. {codesLeft} of your recovery codes are left.',
                  { codesLeft: state.codesLeft },
                )
              : t('On: signing in asks for a code of your app. {codesLeft} of your recovery codes are left.', {
                  codesLeft: state.codesLeft,
                })}
          </p>
          <Group gap={8}>
            <Button variant="default" onClick={renew}>
              {t('New recovery codes')}
            </Button>
            {state.isEnforced && state.passkeys === 0 ? null : (
              <Button variant="default" color="red" onClick={end}>
                {t('Turn off')}
              </Button>
            )}
          </Group>
        </div>
      ) : (
        <div className={classes.setUp}>
          <p className={classes.note}>
            {state.passkeys > 0
              ? t(
                  'Your passkeys are a second factor already. An app that shows codes is for devices that have none of them. {codesLeft} of your recovery codes are left.',
                  { codesLeft: state.codesLeft },
                )
              : t(
                  'Off. With it, signing in asks for a code that an app on your phone shows, so that your password alone is of no use to others.',
                )}
          </p>
          <Group gap={8}>
            <Button variant={state.passkeys > 0 ? 'default' : 'filled'} onClick={begin}>
              {state.passkeys > 0 ? t('Add an app') : t('Turn on')}
            </Button>
            {state.passkeys > 0 ? (
              <Button variant="default" onClick={renew}>
                {t('New recovery codes')}
              </Button>
            ) : null}
          </Group>
        </div>
      )}
    </section>
  );
}
