import { ask, perform, run } from '../model/calls.ts';

export type StepName = 'DATA' | 'INVITE' | 'FIELD' | 'VIEW' | 'CONNECT' | 'PROFILE' | 'FAVOURITE';

export interface FirstSteps {
  isDismissed: boolean;
  /** Of the workspace, for who keeps it; otherwise the member's own. */
  forWorkspace: boolean;
  hasSamples?: boolean;
  steps: { step: StepName; isDone: boolean }[];
}

/** Null for who is no member. */
export const readFirstSteps = (): Promise<FirstSteps | null> => ask('onboarding');
export const putAway = (): Promise<void> => run('dismissOnboarding', {});

export interface Samples {
  count: number;
  /** Changed, commented, or tied to by own records. */
  used: number;
}

interface Loaded {
  loaded: { object: string; label: string; count: number }[];
  skipped: { object: string; reason: string }[];
}

export const readSamples = (): Promise<Samples> => ask('sampleData');
export const loadSamples = (): Promise<Loaded> => perform('loadSampleData', {});
export const removeSamples = (used: 'ASK' | 'KEEP' | 'REMOVE'): Promise<{ removed: number; kept: number }> =>
  perform('removeSampleData', { used });
