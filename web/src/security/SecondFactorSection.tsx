import { Alert, Button, Group, Skeleton } from '@mantine/core';
import { useState } from 'react';
import { useInquiry } from '../settings/useInquiry.ts';
import { askPassword } from './askPassword.tsx';
import {
  beginSecondFactor,
  confirmSecondFactor,
  endSecondFactor,
  makeRecoveryCodes,
  secondFactorState,
  type SetUp,
} from './calls.ts';
import { RecoveryCodes } from './Secret.tsx';
import classes from './security.module.css';
import { SetUpSecondFactor } from './SetUpSecondFactor.tsx';

export function SecondFactorSection() {
  const { answer: state, failure, again } = useInquiry('second factor', secondFactorState);
  const [setUp, setSetUp] = useState<SetUp | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);

  const begin = () =>
    askPassword('Turn on the second factor', 'Continue', async (password) =>
      setSetUp(await beginSecondFactor(password)),
    );
  const confirm = async (code: string) => {
    setCodes(await confirmSecondFactor(code));
    setSetUp(null);
    again();
  };
  const renew = () =>
    askPassword('New recovery codes', 'Make new codes', async (password) => {
      setCodes(await makeRecoveryCodes(password));
      again();
    });
  const end = () =>
    askPassword('Turn off the second factor', 'Turn off', async (password) => {
      await endSecondFactor(password);
      again();
    });

  return (
    <section className={classes.section} aria-labelledby="second-factor">
      <h2 className={classes.heading} id="second-factor">
        Second factor
      </h2>
      {failure ? (
        <Alert color="red" role="alert">
          {failure.message} {failure.hint}
        </Alert>
      ) : codes ? (
        <RecoveryCodes codes={codes} onDone={() => setCodes(null)} />
      ) : setUp ? (
        <SetUpSecondFactor setUp={setUp} confirm={confirm} onCancel={() => setSetUp(null)} />
      ) : !state ? (
        <Skeleton height={60} />
      ) : state.isOn ? (
        <div className={classes.setUp}>
          <p className={classes.note}>
            On: signing in asks for a code of your app. {state.codesLeft} of your recovery codes are left.
          </p>
          <Group gap={8}>
            <Button variant="default" onClick={renew}>
              New recovery codes
            </Button>
            {state.isEnforced ? null : (
              <Button variant="default" color="red" onClick={end}>
                Turn off
              </Button>
            )}
          </Group>
        </div>
      ) : (
        <div className={classes.setUp}>
          <p className={classes.note}>
            Off. With it, signing in asks for a code that an app on your phone shows, so that your password alone is of
            no use to others.
          </p>
          <Group gap={8}>
            <Button onClick={begin}>Turn on</Button>
          </Group>
        </div>
      )}
    </section>
  );
}
