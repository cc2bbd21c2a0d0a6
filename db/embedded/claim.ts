import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, readFileOrEmpty, startTimeOf } from './processes.ts';

/**
 * A data directory belongs to one process at a time: the one that started its PostgreSQL. Without this a second
 * `npm start` would take the first one's server for a leftover and stop it.
 */
export function claimDataDir(dataDir: string): () => void {
  const file = join(dataDir, 'relvar.pid');
  const mine = `${process.pid} ${startTimeOf(process.pid)}`;
  for (let attempt = 1; attempt <= 3; attempt++) {
    try {
      writeFileSync(file, mine, { flag: 'wx' });
      return () => {
        if (readFileOrEmpty(file) === mine) rmSync(file, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const [pid, startTime] = readFileOrEmpty(file).split(' ');
    const holder = Number(pid);
    if (holder > 0 && isRunning(holder) && startTimeOf(holder) === startTime)
      throw new Error(
        `Relvar runs already in ${dataDir} (process ${holder}). Stop it first, or set RELVAR_DATA to another directory.`,
      );
    rmSync(file, { force: true });
  }
  throw new Error(`The file ${file} cannot be claimed. Delete it if no Relvar runs in ${dataDir}.`);
}
