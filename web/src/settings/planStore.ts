import { create } from 'zustand';
import { toFailure } from '../api/failure.ts';
import { applyPlan, planChanges, type Change, type Plan } from '../model/planning.ts';
import { isCalm } from './planText.ts';
import { t } from '../language/t.ts';

export interface Review {
  title: string;
  /** What the button says. */
  verb: string;
  plan: Plan;
  replan: () => Promise<Plan>;
  /** Another way to the same end, such as "for new records only" where old ones break a rule. */
  alternative?: { label: string; replan: () => Promise<Plan> } | undefined;
  settle: (isApplied: boolean) => void;
}

export const useReview = create<{ review: Review | null }>(() => ({ review: null }));

interface Proposal {
  title: string;
  verb?: string;
  replan: () => Promise<Plan>;
  alternative?: Review['alternative'] | undefined;
  /** Show the plan even when it is harmless. */
  always?: boolean | undefined;
}

/** Somebody else changed the model between the plan and its application. */
export const hasMoved = (cause: unknown): boolean => toFailure(cause).code === 'RV060';

/** Plans, and applies at once what nobody would notice; anything else is shown first. True when it was applied. */
export async function propose({ title, verb = t('Apply'), replan, alternative, always }: Proposal): Promise<boolean> {
  const plan = await replan();
  if (always || !isCalm(plan)) {
    return new Promise((resolve) => {
      const settle = (isApplied: boolean) => {
        useReview.setState({ review: null });
        resolve(isApplied);
      };
      useReview.setState({ review: { title, verb, plan, replan, alternative, settle } });
    });
  }
  try {
    await applyPlan(plan);
  } catch (cause) {
    if (!hasMoved(cause)) throw cause;
    // Once more, and in sight: somebody else is at work here.
    return propose({ title, verb, replan, alternative, always: true });
  }
  return true;
}

export const proposeChanges = (
  title: string,
  changes: Change[],
  {
    alternative,
    ...rest
  }: { verb?: string; always?: boolean; alternative?: { label: string; changes: Change[] } } = {},
): Promise<boolean> =>
  propose({
    title,
    replan: () => planChanges(changes),
    ...rest,
    ...(alternative
      ? { alternative: { label: alternative.label, replan: () => planChanges(alternative.changes) } }
      : {}),
  });
