import { Command, CommanderError } from 'commander';
import { adminCommand } from './admin.ts';
import { apiKeyCommand } from './apiKey.ts';
import { applyCommand } from './apply.ts';
import { dbAccessCommand } from './dbAccess.ts';
import { doctorCommand } from './doctor.ts';
import { exportCommand } from './export.ts';
import { explain } from './failure.ts';
import { importCommand } from './import.ts';
import { jobsCommand } from './jobs.ts';
import { keysCommand } from './keys.ts';
import { modelCommand } from './model.ts';
import { planCommand } from './plan.ts';
import { webhooksCommand } from './webhooks.ts';
import { workspaceCommand } from './workspace.ts';

const program = new Command('relvar')
  .description('Administer Relvar from a terminal. The database is DATABASE_URL, or the embedded one.')
  .configureOutput({
    outputError: (text, write) => write(text.replace(/^error: /, '').replace(/^./, (letter) => letter.toUpperCase())),
  })
  .exitOverride();

for (const command of [
  workspaceCommand(),
  adminCommand(),
  apiKeyCommand(),
  keysCommand(),
  dbAccessCommand(),
  importCommand(),
  exportCommand(),
  planCommand(),
  applyCommand(),
  modelCommand(),
  jobsCommand(),
  webhooksCommand(),
  doctorCommand(),
])
  program.addCommand(inherit(command));

/** addCommand, unlike command(), does not hand down how errors are written and what they do. */
function inherit(command: Command): Command {
  command.copyInheritedSettings(program);
  for (const child of command.commands) inherit(child);
  return command;
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    process.stderr.write(explain(error));
    process.exitCode = 1;
  }
}
