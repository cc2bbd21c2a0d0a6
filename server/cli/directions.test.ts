import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint');

/** What the lint says of a file that imports something, in a repository that holds nothing else. */
function lint(file: string, imported: string): string {
  const repository = mkdtempSync(join(tmpdir(), 'relvar-directions-'));
  try {
    copyFileSync(join(root, '.oxlintrc.json'), join(repository, '.oxlintrc.json'));
    mkdirSync(dirname(join(repository, file)), { recursive: true });
    writeFileSync(join(repository, file), `import { thing } from '${imported}';\nexport const other = thing;\n`);
    const { stdout } = spawnSync(process.execPath, [oxlint, '--format', 'json'], { cwd: repository, encoding: 'utf8' });
    return stdout;
  } finally {
    rmSync(repository, { recursive: true, force: true });
  }
}

test.each([
  ['db/thing.ts', '../server/app.ts', 'db/ is what the others stand on'],
  ['db/thing.ts', '../worker/relay.ts', 'db/ is what the others stand on'],
  ['db/thing.ts', 'express', 'db/ knows PostgreSQL and nothing of HTTP'],
  ['server/auth/thing.ts', '../../worker/relay.ts', 'Server, worker and web share no code but db/'],
  ['server/auth/thing.ts', '../../web/src/main.tsx', 'Server, worker and web share no code but db/'],
  ['worker/tasks/thing.ts', '../../server/log.ts', 'They meet in SQL'],
  ['web/src/thing.ts', '../../db/pool.ts', 'The browser has only the HTTP API'],
  ['web/src/thing.ts', 'node:fs', 'This does not run in a browser'],
])('%s may not import %s', (file, imported, message) => {
  expect(lint(file, imported)).toContain(message);
});

test.each([
  ['db/embedded/thing.ts', '../pool.ts'],
  ['db/thing.ts', 'pg'],
  ['server/auth/thing.ts', '../../db/pool.ts'],
  ['worker/tasks/thing.ts', '../../db/pool.ts'],
  ['web/src/grid/thing.ts', '../model/dates.ts'],
])('%s may import %s', (file, imported) => {
  expect(lint(file, imported)).not.toContain('no-restricted-imports');
});
