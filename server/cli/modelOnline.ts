import { Command } from 'commander';
import type { Client } from 'pg';
import { runOnlineChanges } from '../../db/online.ts';
import { findWorkspace, listWorkspaces, withDatabase, type Workspace } from './session.ts';

export function onlineCommand(): Command {
  return new Command('online')
    .description('do now what changes of the data model left to the worker, for when none is running')
    .option('--workspace <slug>', 'only this workspace')
    .option('--retry', 'also what was given up')
    .action(async ({ workspace: slug, retry }: { workspace?: string; retry?: boolean }) => {
      await withDatabase(async (admin) => {
        const workspaces = slug === undefined ? await listWorkspaces(admin) : [await findWorkspace(admin, slug)];
        for (const workspace of workspaces) {
          if (retry) await retryFailed(admin, workspace);
          const done = await runOnlineChanges(admin, workspace.id);
          process.stdout.write(
            `${workspace.slug}: ${done === null ? 'another is at work' : done === 0 ? 'nothing to do' : `${done} changes done`}\n`,
          );
        }
      });
    });
}

async function retryFailed(admin: Client, workspace: Workspace) {
  // A change of type that failed was taken back: there is nothing left of it that could go on.
  const { rows } = await admin.query<{ statement: string }>(
    `delete from metadata.online_changes where workspace_id = $1 and status = 'FAILED' and kind = 'TYPE' returning statement`,
    [workspace.id],
  );
  for (const { statement } of rows) process.stdout.write(`${workspace.slug}: change the type again: ${statement}\n`);
  await admin.query(
    `update metadata.online_changes set status = 'QUEUED', error = null where workspace_id = $1 and status = 'FAILED'`,
    [workspace.id],
  );
}
