import type { CDPSession, Page } from 'playwright-core';

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  ts: number;
  dur?: number;
  /** What of `dur` the thread worked rather than waited for a processor. */
  tdur?: number;
}

/** One turn of the page's main thread, in milliseconds of the trace's clock. */
interface Task {
  begin: number;
  wall: number;
  cpu: number;
}

export interface Trace {
  tasks: Task[];
  /** When the main thread made a frame. */
  frames: number[];
  /** When the page called `performance.mark`, by name. */
  marks: (name: string) => number[];
}

const MARK = 'bench main thread';

/**
 * What the page's main thread did during some work. On a machine that is shared, what a thread worked (`cpu`) is the page's
 * doing; how long it took (`wall`) is everybody's.
 */
export async function traced<Result>(
  page: Page,
  cdp: CDPSession,
  work: () => Promise<Result>,
): Promise<{ result: Result; trace: Trace }> {
  const events: TraceEvent[] = [];
  const gather = ({ value }: { value: object[] }) => void events.push(...(value as TraceEvent[]));
  cdp.on('Tracing.dataCollected', gather);
  await cdp.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      includedCategories: ['toplevel', 'devtools.timeline', 'blink.user_timing'],
      excludedCategories: ['*'],
    },
  });
  await page.evaluate((name) => void performance.mark(name), MARK);
  const result = await work();
  const ended = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve));
  await cdp.send('Tracing.end');
  await ended;
  cdp.off('Tracing.dataCollected', gather);

  const begun = events.find(({ name }) => name === MARK);
  if (!begun) throw new Error('The trace says nothing of the page.');
  const own = events
    .filter(({ pid, tid }) => pid === begun.pid && tid === begun.tid)
    .sort((one, other) => one.ts - other.ts);
  const named = (name: string) => own.filter((event) => event.name === name);
  return {
    result,
    trace: {
      tasks: named('ThreadControllerImpl::RunTask')
        .filter(({ ph }) => ph === 'X')
        .map(({ ts, dur = 0, tdur = 0 }) => ({ begin: ts / 1000, wall: dur / 1000, cpu: tdur / 1000 })),
      frames: named('Commit').map(({ ts }) => ts / 1000),
      marks: (name) => named(name).map(({ ts }) => ts / 1000),
    },
  };
}

/** What the main thread worked from a moment on until the next frame was made. */
export function workUntilFrame({ tasks, frames }: Trace, since: number): number {
  const until = frames.find((frame) => frame > since) ?? Infinity;
  return tasks
    .filter(({ begin, wall }) => begin + wall > since && begin <= until)
    .reduce((sum, { cpu }) => sum + cpu, 0);
}

const FRAME_MS = 1000 / 60;

/** How many frames could not be in time, because the main thread alone worked longer than a frame lasts. */
export function lateFrames({ tasks, frames }: Trace): { frames: number; late: number } {
  let late = 0;
  let place = 0;
  for (const frame of frames) {
    let cpu = 0;
    for (let task = tasks[place]; task && task.begin <= frame; task = tasks[++place]) cpu += task.cpu;
    late += Math.max(0, Math.ceil(cpu / FRAME_MS) - 1);
  }
  return { frames: frames.length, late };
}
