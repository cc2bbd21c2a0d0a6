// Runs before anything is installed and on any Node from 20 on, so it uses neither packages nor TypeScript:
//   node server/cli/install.mjs SCRIPT [ARGUMENT…]
// installs what package-lock.json names unless that is done already, then runs SCRIPT with the Node that Relvar brings.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const lockFile = join(root, 'package-lock.json');
const installed = join(root, 'node_modules', '.package-lock.json');
const stamp = join(root, 'node_modules', '.relvar-install');

const lockHash = () => createHash('sha256').update(readFileSync(lockFile)).digest('hex');

function isInstalled() {
  if (!existsSync(installed)) return false;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockHash()) return true;
  // Somebody ran npm by hand.
  return statSync(installed).mtimeMs >= statSync(lockFile).mtimeMs;
}

function install() {
  console.error('Installing packages (the first time this takes a minute or two) …');
  const flags = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const result = npm
    ? spawnSync(process.execPath, [npm, ...flags], { cwd: root, stdio: 'inherit' })
    : spawnSync('npm', flags, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  if (result.status !== 0) fail('npm could not install the packages; its message is above.');
  writeFileSync(stamp, lockHash());
}

/** The Node of the package "node", or the running one where that package has none for this machine. */
function findNode() {
  const own = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  for (const path of [own, process.execPath]) {
    if (!existsSync(path)) continue;
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
    const [major, minor] = (stdout ?? '').replace('v', '').split('.').map(Number);
    // From 22.18 on Node runs TypeScript by itself; on 20 PostGraphile loses connections silently.
    if (major > 22 || (major === 22 && minor >= 18)) return path;
  }
  return fail(
    `Relvar needs Node 22.18 or later, this is ${process.version}, and the package "node" brought none for this machine. Install Node 24 from https://nodejs.org.`,
  );
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const [script, ...args] = process.argv.slice(2);
if (!script) fail('Usage: node server/cli/install.mjs SCRIPT [ARGUMENT…]');
if (!isInstalled()) install();

const node = findNode();
const child = spawn(node, [join(root, script), ...args], {
  cwd: root,
  // The channel tells the script that this process is gone, even when it was killed with -9.
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  env: { ...process.env, PATH: `${dirname(node)}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH}` },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => fail(error.message));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
