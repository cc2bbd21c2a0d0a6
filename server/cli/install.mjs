// Runs before anything is installed and on any Node from 20 on, so it uses neither packages nor TypeScript:
//   node server/cli/install.mjs SCRIPT [ARGUMENT…]
// installs what package-lock.json names unless that is done already, then runs SCRIPT with the Node that Relvar brings.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const isWindows = process.platform === 'win32';
/** How long npm may take before another start takes its lock for a leftover. */
const LOCK_MINUTES = 15;

let running;
/** Runs a program, and hands on to it whatever asks this process to stop. */
async function run(program, args, options) {
  running = spawn(program, args, { cwd: root, ...options });
  return new Promise((resolve) => {
    running.once('error', (error) => fail(`${program} cannot be run: ${error.message}`));
    running.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => running?.kill(signal));
// npm starts scripts through a shell, and a shell that is killed tells nobody.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && running?.kill('SIGTERM'), 500).unref();

/** Whether every package of package-lock.json is there; what npm leaves out on this machine is optional. */
function isInstalled() {
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (installed === null) return false;
  const wanted = Object.entries(readPackages(join(root, 'package-lock.json')) ?? {});
  return wanted.every(([path, { version, optional }]) => {
    if (path === '' || installed[path]?.version === version) return true;
    return optional === true && installed[path] === undefined;
  });
}

function readPackages(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : null;
}

async function install() {
  const lock = join(root, '.relvar-install');
  const release = await takeLock(lock);
  try {
    // Another start may have installed everything while this one waited.
    if (isInstalled()) return;
    console.error('Installing packages (the first time this takes a minute or two) …');
    const flags = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
    const npm = process.env.npm_execpath;
    // What npm says belongs to people, not to a program that reads the script's output.
    const stdio = ['ignore', 2, 2];
    const status = npm
      ? await run(process.execPath, [npm, ...flags], { stdio })
      : await run('npm', flags, { stdio, shell: isWindows });
    if (status >= 128) process.exit(status);
    if (status !== 0) fail('npm could not install the packages; its message is above.');
  } finally {
    release();
  }
}

/** Two installations at once would destroy each other's work. */
async function takeLock(lock) {
  for (let told = false; ; told = true) {
    try {
      mkdirSync(lock);
      const release = () => rmSync(lock, { recursive: true, force: true });
      process.once('exit', release);
      return release;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const age = existsSync(lock) ? Date.now() - statSync(lock).mtimeMs : 0;
    if (age > LOCK_MINUTES * 60_000) rmSync(lock, { recursive: true, force: true });
    if (!told) console.error(`Waiting for another installation (${lock}) …`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** The Node of the package "node", or the running one where that package has none for this machine. */
function findNode() {
  const own = join(root, 'node_modules', 'node', 'bin', isWindows ? 'node.exe' : 'node');
  for (const path of [own, process.execPath]) {
    if (!existsSync(path)) continue;
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
    const [major, minor] = (stdout ?? '').replace('v', '').split('.').map(Number);
    // From 22.18 on Node runs TypeScript by itself; on 20 PostGraphile's connections come back null.
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
if (!isInstalled()) await install();

const node = findNode();
// Compiled code is kept between starts: the server's modules then load in 0.4 s instead of 0.8 s.
const compiled = join(root, 'node_modules', '.cache', 'node-compile');
const path = `${dirname(node)}${isWindows ? ';' : ':'}${process.env.PATH}`;
// The channel tells the script that this process is gone, even when it was killed with -9.
const status = await run(node, [join(root, script), ...args], {
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  env: { NODE_COMPILE_CACHE: compiled, ...process.env, PATH: path },
});
process.exit(status);
