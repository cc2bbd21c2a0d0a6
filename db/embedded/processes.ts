import { readFileSync } from 'node:fs';

export function readFileOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  // A dead process that nobody has waited for (a container without an init) is not running.
  return !/^State:\s+[ZX]/m.test(readFileOrEmpty(`/proc/${pid}/status`));
}

/** Tells a process from a later one with the same number; empty where the system does not say. */
export function startTimeOf(pid: number): string {
  // The second field is the program's name in parentheses, and may hold spaces.
  const fields = readFileOrEmpty(`/proc/${pid}/stat`).split(') ')[1]?.split(' ');
  return fields?.[19] ?? '';
}
