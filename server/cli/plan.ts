import { Command } from 'commander';
import type { Client } from 'pg';
import { findWorkspace, withDatabase } from './session.ts';

interface Step {
  step: number;
  kind: string;
  object_name: string | null;
  statement: string;
  lock_level: string | null;
  rewrites: boolean;
  row_estimate: string | null;
  is_online: boolean;
  note: string | null;
}

export function planCommand(): Command {
  return new Command('plan')
    .description('show what would bring the tables of a workspace in line with its data model; changes nothing')
    .requiredOption('--workspace <slug>', 'the workspace')
    .option('--json', 'one JSON object a line')
    .action(async ({ workspace: slug, json }: { workspace: string; json?: boolean }) => {
      await withDatabase(async (admin) => {
        const workspace = await findWorkspace(admin, slug);
        const steps = await planSteps(admin, workspace.id);
        if (json) for (const step of steps) process.stdout.write(`${JSON.stringify(step)}\n`);
        else for (const step of steps) process.stdout.write(describe(step));
        process.stderr.write(
          steps.length === 0
            ? `Nothing to do: the tables of "${slug}" are as its data model says.\n`
            : `${steps.length} statements. To run them: relvar apply --workspace ${slug}\n`,
        );
      });
    });
}

export async function planSteps(admin: Client, workspaceId: string): Promise<Step[]> {
  const { rows } = await admin.query<Step>('select * from engine.plan($1) order by step', [workspaceId]);
  return rows;
}

function describe(step: Step): string {
  const facts = [
    `${step.step}. ${step.kind}`,
    step.object_name ?? '',
    step.lock_level ? `lock: ${step.lock_level}` : '',
    step.rewrites ? `rewrites about ${step.row_estimate ?? '?'} rows` : '',
    step.is_online ? 'done online by the worker' : '',
    step.note ?? '',
  ];
  return `-- ${facts.filter((fact) => fact !== '').join(' · ')}\n${step.statement.trim().replace(/;?$/, ';')}\n\n`;
}
