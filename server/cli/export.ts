import { Command, Option } from 'commander';
import { exportRecords, type ExportFormat } from '../../db/records/export/exportRecords.ts';
import { findIdentity, findWorkspace, withClient, withDatabase } from './session.ts';

interface Options {
  workspace: string;
  format: ExportFormat;
  as?: string;
}

export function exportCommand(): Command {
  return new Command('export')
    .description('write all records of an object to stdout; relations as labels and ids')
    .argument('<object>', 'such as person, people or "Sales order"')
    .requiredOption('--workspace <slug>', 'the workspace to export from')
    .addOption(
      new Option('--format <format>', 'how to write them').choices(['csv', 'ndjson', 'xlsx', 'vcard']).default('csv'),
    )
    .option('--as <email>', 'only what this member may read')
    .action(async (object: string, options: Options) => {
      await withDatabase(async (admin, database) => {
        const identity = await findIdentity(admin, await findWorkspace(admin, options.workspace), options.as);
        await withClient(database.serverUrl, async (client) => {
          try {
            await exportRecords({ client, identity, object, format: options.format, out: process.stdout });
          } catch (error) {
            // Whoever read the output has seen enough, as "head" does.
            if ((error as { code?: string }).code !== 'EPIPE') throw error;
          }
        });
      });
    });
}
