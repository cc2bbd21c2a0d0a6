import { spawn } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const dist = join(root, 'web', 'dist');
const sources = ['web/src', 'web/public', 'web/index.html', 'web/vite.config.ts', 'package-lock.json'];

/** Builds web/dist unless it is newer than everything it is made of. */
export async function buildWeb(): Promise<'built' | 'up to date'> {
  const bundle = join(dist, 'index.html');
  const builtAt = existsSync(bundle) ? statSync(bundle).mtimeMs : 0;
  if (sources.every((source) => newestIn(join(root, source)) <= builtAt)) return 'up to date';
  // Made beside the old one and exchanged when complete: a server may be sending the old one's files.
  const workshop = `${dist}-${process.pid}`;
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const child = spawn(
    process.execPath,
    [vite, 'build', '--config', join(root, 'web', 'vite.config.ts'), '--outDir', workshop, '--logLevel', 'error'],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) {
    rmSync(workshop, { recursive: true, force: true });
    throw new Error(`The user interface could not be built:\n${output.trim()}`);
  }
  rmSync(dist, { recursive: true, force: true });
  renameSync(workshop, dist);
  return 'built';
}

function newestIn(path: string): number {
  if (!existsSync(path)) return 0;
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  // A directory's own time tells of files that were deleted.
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}
