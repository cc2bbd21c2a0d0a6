import { Progress } from '@mantine/core';
import { useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { onViews } from '../api/live.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { readFirstSteps } from './start.ts';
import { progressText } from './startText.ts';
import classes from './start.module.css';
import { t } from '../language/t.ts';

const FirstStepsDialog = lazy(async () => ({ default: (await import('./FirstStepsDialog.tsx')).FirstStepsDialog }));

/** Nobody does two steps within it. */
const PAUSE_MS = 10_000;

/** At the side until the first steps are done, or put away: how many there are still. */
export function StartCard() {
  const { answer, again } = useInquiry('first steps', readFirstSteps);
  const [opened, setOpened] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const isShown = answer !== null && !answer.isDismissed && answer.steps.some(({ isDone }) => !isDone);
  const asked = useRef(0);
  // What is done is read from what is there: it is looked again where one goes on, as long as something is left.
  useEffect(() => {
    if (!isShown || Date.now() - asked.current < PAUSE_MS) return;
    asked.current = Date.now();
    again();
  }, [path, isShown, again]);
  useEffect(() => (isShown ? onViews(again) : undefined), [isShown, again]);
  if (!isShown && !opened) return null;
  if (!answer) return null;
  const done = answer.steps.filter(({ isDone }) => isDone).length;
  return (
    <>
      <button
        type="button"
        className={classes.card}
        aria-haspopup="dialog"
        onClick={() => {
          again();
          setOpened(true);
        }}
      >
        <span className={classes.title}>
          {t('First steps')}
          <span className={classes.progress}>{progressText(done, answer.steps.length)}</span>
        </span>
        <Progress value={(100 * done) / answer.steps.length} size="xs" aria-hidden />
      </button>
      <Suspense fallback={null}>
        {opened ? <FirstStepsDialog steps={answer} again={again} onClose={() => setOpened(false)} /> : null}
      </Suspense>
    </>
  );
}
