import { Button } from '@mantine/core';
import { RouterProvider } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useState } from 'react';
import { handleWith } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { onModel, onReconnect, openLive } from '../api/live.ts';
import { confirmModel, refreshModel } from '../model/metadata.ts';
import { useModelStore } from '../model/store.ts';
import { goTo, wantedPath } from '../session/entrance.ts';
import { readProfile } from '../session/profile.ts';
import { forgetSession, pageOf, resumeSession, useSession } from '../session/session.ts';
import { settled } from './settled.ts';
import { Message } from './Message.tsx';
import { router } from './router.tsx';
import { t } from '../language/t.ts';

const SecondStep = lazy(async () => ({ default: (await import('../session/SecondStep.tsx')).SecondStep }));
const SignInGate = lazy(async () => ({ default: (await import('../session/SignInGate.tsx')).SignInGate }));

handleWith({ signedOut: forgetSession, modelChanged: refreshModel });

/** The model, and how the member reads: nothing is shown before both are there. */
const readWorkspace = () => Promise.all([readProfile(), confirmModel()]);

/** Decides between the sign-in page, the application and what stands in the way of both. */
export function App() {
  const identity = useSession((state) => state.identity);
  const step = useSession((state) => state.step);
  const ready = useModelStore((state) => state.model !== null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    if (identity === undefined) resumeSession().catch((cause: unknown) => setFailure(toFailure(cause)));
    else if (identity) readWorkspace().catch((cause: unknown) => setFailure(toFailure(cause)));
  }, [identity, attempt]);

  // However many steps signing in has taken, it ends where it was asked for.
  useEffect(() => {
    if (identity && wantedPath() !== '/') goTo(wantedPath());
  }, [identity]);

  const audience = identity ? `${identity.workspace.id} ${pageOf(identity) ?? ''}` : null;
  const logPosition = useModelStore((state) => state.logPosition);
  useEffect(() => {
    if (audience === null || logPosition === null) return;
    const stops = [
      onModel((version) => {
        if (version > (useModelStore.getState().model?.version ?? 0)) void refreshModel().catch(() => undefined);
      }),
      onReconnect(() => void confirmModel().catch(() => undefined)),
    ];
    // It begins where the log stood before anything was read, so it can wait until the first page stands.
    let isOver = false;
    void settled.then(() => {
      if (!isOver) stops.push(openLive(audience, logPosition, forgetSession));
    });
    return () => {
      isOver = true;
      stops.forEach((stop) => stop());
    };
  }, [audience, logPosition]);

  // What somebody else's view shows is not changed; who acts as a member keeps nothing in that member's name.
  const owner =
    identity?.member && !identity.seeing && !identity.impersonator
      ? `${identity.workspace.id} ${identity.member.id}`
      : null;
  useEffect(() => {
    if (!ready) return undefined;
    const end = new AbortController();
    void settled.then(() => import('../offline/start.tsx')).then(({ start }) => start(owner, end.signal));
    return () => end.abort();
  }, [owner, ready]);

  if (failure && !ready) {
    const retry = () => {
      setFailure(null);
      setAttempt(attempt + 1);
    };
    return (
      <Message tone="alert" title={failure.message} actions={<Button onClick={retry}>{t('Try again')}</Button>}>
        {failure.hint}
      </Message>
    );
  }
  if (identity === null)
    return <Suspense fallback={null}>{step ? <SecondStep step={step} /> : <SignInGate />}</Suspense>;
  return identity && ready ? <RouterProvider router={router} /> : null;
}
