import type { Plan, PlanStep } from '../model/planning.ts';
import { t } from '../language/t.ts';

/** A plan in words for people who know nothing of locks: who waits, for how long, and what is gone afterwards. */

export type Wait = 'nobody' | 'writers' | 'everybody';

/** Who waits for a lock of PostgreSQL, whichever way its name is spelt. */
export function waitOf(lockLevel: string | null): Wait {
  const level = (lockLevel ?? '').toUpperCase().replace(/[^A-Z]|LOCK$/g, '');
  if (level === 'ACCESSEXCLUSIVE') return 'everybody';
  return ['EXCLUSIVE', 'SHAREROWEXCLUSIVE', 'SHARE'].includes(level) ? 'writers' : 'nobody';
}

export const WAIT_TEXT: { [wait in Wait]: string } = {
  nobody: t('Nobody waits'),
  writers: t('Writers wait'),
  everybody: t('Everybody waits'),
};

export function duration(ms: number): string {
  if (ms < 1) return t('an instant');
  if (ms < 950) return t('{max} ms', { max: Math.max(1, Math.round(ms / 10) * 10 || Math.round(ms)) });
  if (ms < 90_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 90 * 60_000) return t('{round} min', { round: Math.round(ms / 60_000) });
  return `${Math.round(ms / 360_000) / 10} h`;
}

const blocking = (step: PlanStep): boolean => !step.isOnline && waitOf(step.lockLevel) !== 'nobody';

export const totalMs = (steps: PlanStep[]): number => steps.reduce((sum, step) => sum + (step.estimatedMs ?? 0), 0);

/** Below this nobody notices that a table was held. */
const UNNOTICED_MS = 300;

/** Whether the plan may run without being shown: nothing is lost, rewritten, refused or held for longer than one notices. */
export function isCalm(plan: Plan): boolean {
  if (plan.losses.length > 0 || plan.violations.length > 0 || plan.warnings.length > 0) return false;
  const writes = (step: PlanStep) => step.rewrites || step.kind === 'records';
  if (plan.steps.some((step) => writes(step) && (step.rowEstimate ?? 0) > 0)) return false;
  return totalMs(plan.steps.filter(blocking)) < UNNOTICED_MS;
}

/** The sentences that stand above the statements. */
export function planSentences(plan: Plan): string[] {
  const { steps } = plan;
  if (steps.length === 0 && plan.changes.length === 0) return [t('The model is so already: there is nothing to do.')];
  if (steps.length === 0) return [t('No table changes: only what the model says about them.')];
  const sentences: string[] = [];
  const held = steps.filter(blocking);
  const everybody = held.filter((step) => waitOf(step.lockLevel) === 'everybody');
  const rewritten = steps.filter((step) => step.rewrites && (step.rowEstimate ?? 0) > 0);
  const online = steps.filter((step) => step.isOnline);
  const time = duration(totalMs(held));
  if (everybody.length > 0)
    sentences.push(t('Reading and writing wait for about {time} while the tables are changed.', { time }));
  else if (held.length > 0) sentences.push(t('Reading goes on; writing waits for about {time}.', { time }));
  else sentences.push(t('Nobody has to wait: reading and writing go on.'));
  if (rewritten.length > 0) {
    const rows = rewritten.reduce((sum, step) => sum + (step.rowEstimate ?? 0), 0);
    sentences.push(
      t(
        '{rows, plural, one {Every record of the table is written anew: # record.} other {Every record of the table is written anew: # records.}}',
        { rows },
      ),
    );
  }
  for (const { kind, rowEstimate } of steps)
    if (kind === 'records' && rowEstimate)
      sentences.push(
        t('{rowEstimate, plural, one {# record gets another value.} other {# records get another value.}}', {
          rowEstimate,
        }),
      );
  if (online.length > 0)
    sentences.push(
      t(
        '{count, plural, one {# step runs in the background, about {online}. You can follow it under Indexes.} other {# steps run in the background, about {online}. You can follow it under Indexes.}}',
        { count: online.length, online: duration(totalMs(online)) },
      ),
    );
  return sentences;
}

export const planSql = (plan: Plan): string =>
  plan.steps.map((step) => step.statement.trim().replace(/;?$/, ';')).join('\n');
