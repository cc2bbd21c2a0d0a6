import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Megabytes of this process's heap that are still in use after a full collection. */
export function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What finalizers of the first collection let go of is collected by the second.
  collect();
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** Resident megabytes of a process. */
export function residentMemory(pid: number): number {
  return readKilobytes(`/proc/${pid}/status`, 'VmRSS') / 1024;
}

/** The most resident megabytes that a process has had. */
export function peakMemory(pid: number): number {
  return readKilobytes(`/proc/${pid}/status`, 'VmHWM') / 1024;
}

/** Resident megabytes of a process, where what several processes share counts in parts. */
export function proportionalMemory(pid: number): number {
  return readKilobytes(`/proc/${pid}/smaps_rollup`, 'Pss') / 1024;
}

function readKilobytes(file: string, name: string): number {
  if (process.platform !== 'linux') throw new Error('The memory of other processes is measured on Linux only.');
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`${file} does not say ${name}.`);
  return Number(found);
}
