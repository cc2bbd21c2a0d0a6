import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Client } from 'pg';
import { onlineCommand } from './modelOnline.ts';
import { findWorkspace, withDatabase } from './session.ts';

interface Plan {
  fingerprint: string;
  changes: unknown[];
  steps: { statement: string; estimatedMs: number; rewrites: boolean }[];
  warnings: { message: string; hint: string }[];
  violations: { message: string }[];
}

export function modelCommand(): Command {
  const model = new Command('model').description('export, import and turn back the data model of a workspace');
  const of = (name: string, description: string) =>
    model.command(name).description(description).requiredOption('--workspace <slug>', 'the workspace');

  of('export', 'write the model as a manifest (docs/manifest.md)').action(({ workspace }: { workspace: string }) =>
    withModel(workspace, async (admin, id) => {
      const { rows } = await admin.query<{ manifest: unknown }>('select engine.manifest_of($1) as manifest', [id]);
      process.stdout.write(`${JSON.stringify(rows[0]!.manifest, null, 2)}\n`);
    }),
  );
  for (const isApplied of [false, true])
    of(
      isApplied ? 'apply' : 'plan',
      isApplied ? 'make the model of a manifest here' : 'show what it takes to make the model of a manifest here',
    )
      .argument('<file>', 'the manifest')
      .option('--prune', 'delete what the manifest does not have')
      .action((file: string, { workspace, prune }: { workspace: string; prune?: boolean }) =>
        withModel(workspace, (admin, id) =>
          show(
            admin,
            id,
            'select metadata.plan_manifest($1, $2, $3) as plan',
            [id, readFileSync(file, 'utf8'), prune ?? false],
            isApplied,
          ),
        ),
      );
  of('history', 'list the changes of the model, the latest first').action(({ workspace }: { workspace: string }) =>
    withModel(workspace, async (admin, id) => {
      const { rows } = await admin.query<{ version: string; at: string; who: string | null; summary: string }>(
        `select h ->> 'version' as version, h ->> 'happenedAt' as at, h ->> 'actorName' as who, h ->> 'summary' as summary
           from jsonb_array_elements(engine.history_of($1, 50)) h`,
        [id],
      );
      for (const { version, at, who, summary } of rows)
        process.stdout.write(`${version}\t${at}\t${who ?? ''}\t${summary}\n`);
    }),
  );
  of('revert', 'bring the model back to a version')
    .argument('<version>', 'as "relvar model history" shows it')
    .option('--apply', 'do it; else only the plan is shown')
    .action((version: string, { workspace, apply }: { workspace: string; apply?: boolean }) =>
      withModel(workspace, (admin, id) =>
        show(admin, id, 'select metadata.plan_revert($1, $2) as plan', [id, version], apply ?? false),
      ),
    );
  model.addCommand(onlineCommand());
  return model;
}

async function withModel(slug: string, work: (admin: Client, id: string) => Promise<void>) {
  await withDatabase(async (admin) => work(admin, (await findWorkspace(admin, slug)).id));
}

async function show(admin: Client, id: string, sql: string, parameters: unknown[], isApplied: boolean) {
  const { rows } = await admin.query<{ plan: Plan }>(sql, parameters);
  const { steps, warnings, violations, changes, fingerprint } = rows[0]!.plan;
  for (const { statement } of steps) process.stdout.write(`${statement.trim().replace(/;?$/, ';')}\n`);
  for (const { message, hint } of warnings) process.stderr.write(`! ${message} ${hint}\n`);
  for (const { message } of violations) process.stderr.write(`✗ ${message}\n`);
  if (changes.length === 0) process.stderr.write('Nothing to do.\n');
  if (!isApplied || changes.length === 0) return;
  await admin.query('select metadata.apply_changes($1, $2, $3)', [id, JSON.stringify(changes), fingerprint]);
  process.stderr.write(`${changes.length} changes made.\n`);
}
