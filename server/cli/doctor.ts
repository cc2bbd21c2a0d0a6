import { Command } from 'commander';
import { checkDatabase, type Finding } from './diagnosis.ts';
import { withDatabase } from './session.ts';

const MARKS = { well: '✓', warning: '!', wrong: '✗' };

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check the database, its roles and migrations, every workspace and the worker')
    .option('--json', 'one JSON object a line')
    .action(async ({ json }: { json?: boolean }) => {
      await withDatabase(async (admin, { isTemporary }) => {
        const findings = await checkDatabase(admin, { isServed: !isTemporary });
        for (const finding of findings) process.stdout.write(json ? `${JSON.stringify(finding)}\n` : describe(finding));
        if (findings.some(({ state }) => state === 'wrong')) process.exitCode = 1;
      });
    });
}

function describe({ state, title, detail, remedy }: Finding): string {
  return `${MARKS[state]} ${title}${detail ? `: ${detail}` : ''}\n${remedy ? `  ${remedy}\n` : ''}`;
}
