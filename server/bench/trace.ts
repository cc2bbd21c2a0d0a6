import type { CDPSession, Page } from 'playwright-core';

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  dur?: number;
  /** What of `dur` the thread worked rather than waited for a processor. */
  tdur?: number;
}

/** One turn of the page's main thread, in milliseconds. */
export interface Task {
  wall: number;
  cpu: number;
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
): Promise<{ result: Result; tasks: Task[] }> {
  const events: TraceEvent[] = [];
  const gather = ({ value }: { value: object[] }) => void events.push(...(value as TraceEvent[]));
  cdp.on('Tracing.dataCollected', gather);
  await cdp.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      includedCategories: ['toplevel', 'blink.user_timing'],
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
  const tasks = events
    .filter(
      ({ pid, tid, name, ph }) =>
        pid === begun.pid && tid === begun.tid && name === 'ThreadControllerImpl::RunTask' && ph === 'X',
    )
    .map(({ dur = 0, tdur = 0 }) => ({ wall: dur / 1000, cpu: tdur / 1000 }));
  return { result, tasks };
}
