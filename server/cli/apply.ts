import { Command } from 'commander';
import { findWorkspace, listWorkspaces, withDatabase } from './session.ts';

export function applyCommand(): Command {
  return new Command('apply')
    .description('bring the tables of a workspace, or of all, in line with the data model')
    .option('--workspace <slug>', 'only this workspace')
    .action(async ({ workspace: slug }: { workspace?: string }) => {
      await withDatabase(async (admin) => {
        const workspaces = slug === undefined ? await listWorkspaces(admin) : [await findWorkspace(admin, slug)];
        for (const workspace of workspaces) {
          const { rows } = await admin.query<{ statements: number }>('select engine.apply($1) as statements', [
            workspace.id,
          ]);
          const count = rows[0]?.statements ?? 0;
          process.stdout.write(`${workspace.slug}: ${count === 0 ? 'nothing to do' : `${count} statements run`}\n`);
        }
        if (workspaces.length === 0) process.stderr.write('There are no workspaces yet.\n');
      });
    });
}
