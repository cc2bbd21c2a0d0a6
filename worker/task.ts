import type { JobHelpers, Task } from 'graphile-worker';

type Check<T> = (value: unknown) => value is T;
type Payload<Checks> = { [Name in keyof Checks]: Checks[Name] extends Check<infer T> ? T : never };

export const uuid: Check<string> = (value): value is string =>
  typeof value === 'string' && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(value);

export const wholeNumbers: Check<number[]> = (value): value is number[] =>
  Array.isArray(value) && value.every(Number.isSafeInteger);

/** A job that no attempt will ever do: its payload is not what the task is made for. */
export class PayloadRefused extends Error {}

/**
 * A task with what its payload must be, which is looked at whenever it runs, since jobs outlive the version that added
 * them. A payload that is a list is a batch: each is done by itself, and those that failed are tried again alone.
 */
export function task<Checks extends Record<string, Check<unknown>>>(
  checks: Checks,
  run: (payload: Payload<Checks>, helpers: JobHelpers) => Promise<void>,
): Task {
  const read = (payload: unknown, name: string): Payload<Checks> => {
    const given = (payload ?? {}) as Record<string, unknown>;
    for (const [key, check] of Object.entries(checks)) {
      if (!check(given[key])) throw new PayloadRefused(`Not a job of ${name}: its "${key}" cannot be used.`);
    }
    return given as Payload<Checks>;
  };
  return async (payload, helpers) => {
    const name = helpers.job.task_identifier;
    if (!Array.isArray(payload)) return run(read(payload, name), helpers);
    return payload.map(async (each: unknown) => run(read(each, name), helpers));
  };
}
