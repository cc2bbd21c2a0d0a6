import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

interface Manifest {
  objects: {
    nameSingular: string;
    labelSingular: string;
    labelPlural: string;
    description: string;
    fields: {
      name: string;
      label: string;
      description: string;
      options?: { label: string }[];
      relations?: { inverseLabel: string }[];
    }[];
  }[];
}

/** What follows "values" in a function of the database: the texts in quotes of each row, without those before the first that is one. */
async function quoted(path: string, start: string): Promise<string[][]> {
  const sql = await readFile(join(root, path), 'utf8');
  const [rows = ''] = sql.slice(sql.indexOf('values', sql.indexOf(start))).split(/;\n/);
  return rows.split('\n').map((row) => [...row.matchAll(/'((?:[^']|'')*)'/g)].map(([, text = '']) => text));
}

/** The labels that come with Relvar, each with what it belongs to: "@company.employees Employees". */
export async function standardLabels(): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(root, 'db/standard/manifest.json'), 'utf8')) as Manifest;
  const labels = manifest.objects.flatMap(({ nameSingular: name, labelSingular, labelPlural, description, fields }) => [
    ...[labelSingular, labelPlural, description].map((text) => `@${name} ${text}`),
    ...fields.flatMap((field) => [
      ...[field.label, field.description, ...(field.options ?? []).map(({ label }) => label)].map(
        (text) => `@${name}.${field.name} ${text}`,
      ),
      ...(field.relations ?? []).map(({ inverseLabel }) => `@inverse ${inverseLabel}`),
    ]),
  ]);
  const [fields, roles, flags, kinds] = await Promise.all([
    quoted('db/sql/metadata/validate.sql', 'function engine.system_fields()'),
    quoted('db/sql/core/workspaces.sql', 'function engine.add_system_roles('),
    quoted('db/sql/engine/permissions/flags.sql', 'function engine.permission_flags()'),
    quoted('db/sql/core/notifications/notify.sql', 'function core.notification_kinds()'),
  ]);
  for (const [, label, description] of fields)
    if (label && description) labels.push(`@record ${label}`, `@record ${description}`);
  for (const [name, description] of roles)
    if (name && description) labels.push(`@role ${name}`, `@role ${description}`);
  for (const [, , label, description] of flags)
    if (label && description) labels.push(`@permission ${label}`, `@permission ${description}`);
  for (const [, label, description] of kinds)
    if (label && description) labels.push(`@notification ${label}`, `@notification ${description}`);
  return [...new Set(labels)];
}
