import { Command } from 'commander';
import { runOnlineChanges } from '../../db/online.ts';
import { findWorkspace, listWorkspaces, withDatabase } from './session.ts';

export function onlineCommand(): Command {
  return new Command('online')
    .description('do now what changes of the data model left to the worker, for when none is running')
    .option('--workspace <slug>', 'only this workspace')
    .option('--retry', 'also what was given up')
    .action(async ({ workspace: slug, retry }: { workspace?: string; retry?: boolean }) => {
      await withDatabase(async (admin) => {
        const workspaces = slug === undefined ? await listWorkspaces(admin) : [await findWorkspace(admin, slug)];
        for (const workspace of workspaces) {
          if (retry)
            await admin.query(
              `update metadata.online_changes set status = 'QUEUED', error = null where workspace_id = $1 and status = 'FAILED'`,
              [workspace.id],
            );
          const done = await runOnlineChanges(admin, workspace.id);
          process.stdout.write(
            `${workspace.slug}: ${done === null ? 'another is at work' : done === 0 ? 'nothing to do' : `${done} changes done`}\n`,
          );
        }
      });
    });
}
