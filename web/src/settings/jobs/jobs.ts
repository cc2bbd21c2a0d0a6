import { ask, perform } from '../../model/calls.ts';

export const JOB_STATES = ['RUNNING', 'WAITING', 'SCHEDULED', 'RETRYING', 'FAILED'] as const;
export type JobState = (typeof JOB_STATES)[number];

export interface JobSearch {
  state?: JobState;
  task?: string;
  /** The jobs of all workspaces, for administrators of the server. */
  all?: true;
}

export function jobSearch(search: { [key: string]: unknown }): JobSearch {
  const state = JOB_STATES.find((each) => each === search['state']);
  return {
    ...(state ? { state } : {}),
    ...(typeof search['task'] === 'string' ? { task: search['task'] } : {}),
    ...(search['all'] === true ? { all: true } : {}),
  };
}

export interface Job {
  id: string;
  task: string;
  workspace: string | null;
  state: JobState;
  payload: unknown;
  attempts: number;
  maxAttempts: number;
  error: string | null;
  createdAt: string;
  nextAt: string | null;
  beganAt: string | null;
}

export interface TaskFigures {
  task: string;
  running: number;
  waiting: number;
  scheduled: number;
  retrying: number;
  failed: number;
  succeededToday: number;
  failedToday: number;
  givenUpToday: number;
  milliseconds: number | null;
  longest: number | null;
}

export interface Recurring {
  name: string;
  task: string;
  schedule: string;
  nextAt: string | null;
  lastAt: string | null;
}

export interface JobOverview {
  tasks: TaskFigures[];
  recurring: Recurring[];
  oldestWaitingAt: string | null;
  hasWorker: boolean;
  administersInstance: boolean;
}

export const MOST_JOBS = 200;

export const jobs = ({ state, task, all }: JobSearch, first: number): Promise<Job[]> =>
  ask(
    'jobs',
    { state: 'String', task: 'String', everywhere: 'Boolean', first: 'Int' },
    { state: state ?? null, task: task ?? null, everywhere: all ?? false, first },
  );

export const jobOverview = (everywhere: boolean): Promise<JobOverview> =>
  ask('jobOverview', { everywhere: 'Boolean' }, { everywhere });

export const retryJobs = (ids: string[], everywhere: boolean): Promise<number> =>
  perform('retryJobs', { ids, everywhere });

export const cancelJobs = (ids: string[], everywhere: boolean): Promise<number> =>
  perform('cancelJobs', { ids, everywhere });
