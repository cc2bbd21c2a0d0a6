import { spawnSync } from 'node:child_process';

/** How to start a program of PostgreSQL so that it accepts its user. */
export interface Launch {
  uid?: number;
  gid?: number;
  /** What stands before the program on the command line. */
  prefix: string[];
}

/**
 * PostgreSQL refuses to run as root. Containers and servers often are root, so it then runs as
 * "nobody". Clones made in a directory that only root may enter (/root, mktemp -d) need one thing
 * more: the right to pass through that directory, which is the capability dac_override.
 */
export function chooseLaunch(paths: string[]): Launch {
  if (process.getuid?.() !== 0) return { prefix: dieWithParent() };

  const uid = idOf('-u');
  const gid = idOf('-g');
  const reachable = paths.every(
    (path) => spawnSync('/bin/sh', ['-c', 'test -x "$0"', path], { uid, gid, cwd: '/' }).status === 0,
  );
  if (reachable) return { uid, gid, prefix: dieWithParent() };

  const prefix = [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--inh-caps=-all,+dac_override',
    '--ambient-caps=+dac_override',
    '--bounding-set=-all,+dac_override',
    // Without this access(2), by which PostgreSQL looks for its own files, ignores the capability.
    '--securebits=+no_setuid_fixup',
    '--pdeathsig=INT',
    '--',
  ];
  const trial = spawnSync(prefix[0]!, [...prefix.slice(1), '/bin/sh', '-c', 'test -x "$0"', paths[0]!], {
    cwd: '/',
    encoding: 'utf8',
  });
  if (trial.status === 0) return { uid, gid, prefix };
  throw new Error(
    `PostgreSQL cannot run as root, and the user "nobody" cannot enter ${paths.join(' or ')}${
      trial.error ? ', and the program setpriv (package util-linux) is missing' : ''
    }. Move Relvar to a directory that everyone may enter (chmod 755), or run it as an ordinary user.`,
  );
}

function idOf(flag: '-u' | '-g'): number {
  const { stdout } = spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' });
  const id = Number(stdout?.trim() || NaN);
  return Number.isInteger(id) ? id : 65534;
}

/** On Linux the kernel stops the server when its starter is killed with -9. */
function dieWithParent(): string[] {
  if (process.platform !== 'linux') return [];
  const probe = ['setpriv', '--pdeathsig=INT', '--'];
  return spawnSync(probe[0]!, [...probe.slice(1), 'true']).status === 0 ? probe : [];
}

export function commandLine(launch: Launch, program: string, args: string[]): [string, ...string[]] {
  return [...launch.prefix, program, ...args] as [string, ...string[]];
}

/** setpriv changes the user itself when it must keep a capability; otherwise Node does. */
export const identity = (launch: Launch) =>
  launch.prefix.some((part) => part.startsWith('--reuid')) ? {} : { uid: launch.uid, gid: launch.gid };
