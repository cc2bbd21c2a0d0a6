import type { ClientBase } from 'pg';
import { labelField, type ObjectModel } from '../model.ts';
import { identifier, literal } from '../sql.ts';
import { identityExpression, identityOfValue, relationLookups } from './lookup.ts';
import { LIVE_ROWS } from './reject.ts';
import type { RelationTarget } from './target.ts';

export interface StagedRelation {
  header: string;
  relation: RelationTarget;
}

/**
 * Finds the records that the relation cells name, each distinct cell once. What is not found, or is
 * found several times, rejects its rows, unless missing records are to be created.
 */
export async function resolveLinks(
  client: ClientBase,
  schema: string,
  relations: readonly StagedRelation[],
  createMissing: boolean,
): Promise<{ object: ObjectModel; created: number }[]> {
  const createdRecords: { object: ObjectModel; created: number }[] = [];
  for (const { header, relation } of relations) {
    await findRecords(client, schema, relation);
    if (createMissing) {
      const created = await createRecords(client, schema, relation);
      if (created > 0) createdRecords.push({ object: relation.object, created });
    }
    await rejectUnresolved(client, header, relation);
  }
  return createdRecords;
}

async function findRecords(client: ClientBase, schema: string, relation: RelationTarget): Promise<void> {
  const column = identifier(relation.column);
  const table = `${identifier(schema)}.${identifier(relation.object.tableName)}`;
  for (const [index, field] of relationLookups(relation).entries()) {
    const value = identityOfValue(field, `substr(k.key, ${String(index).length + 2})`);
    await client.query(
      `insert into relvar_import_links (relation, key, id, found)
       select $1, k.key, (array_agg(t.id))[1], count(t.id)
       from (select distinct key from (select ${relation.junction ? `unnest(s.${column})` : `s.${column}`} as key from ${LIVE_ROWS}) s
             where key like '${index}:%') k
       left join ${table} t on ${identityExpression(field, 't')} = ${value}
       group by k.key`,
      [relation.column],
    );
  }
}

/** Creates a record for each name that no record has; other keys, such as ids, cannot be made up. */
async function createRecords(client: ClientBase, schema: string, relation: RelationTarget): Promise<number> {
  const lookups = relationLookups(relation);
  const index = lookups.findIndex((field) => field.id === relation.object.labelFieldId);
  const label = labelField(relation.object);
  if (!label || index < 0 || !['TEXT', 'FULL_NAME'].includes(label.type)) return 0;
  const name = `substr(l.key, ${String(index).length + 2})`;
  const missing = `select distinct on (lower(${name})) ${name} as name from relvar_import_links l
    where l.relation = ${literal(relation.column)} and l.found = 0 and l.key like '${index}:%' order by lower(${name})`;
  const [first, last] = label.columns.map(({ column }) => identifier(column));
  const columns = label.type === 'FULL_NAME' ? `${first}, ${last}` : first;
  const values =
    label.type === 'FULL_NAME' ? `regexp_replace(m.name, '\\s*\\S+$', ''), substring(m.name from '\\S+$')` : 'm.name';
  const table = `${identifier(schema)}.${identifier(relation.object.tableName)}`;
  const { rowCount } = await client.query(`insert into ${table} (${columns}) select ${values} from (${missing}) m`);
  if (rowCount) {
    await client.query('delete from relvar_import_links where relation = $1', [relation.column]);
    await findRecords(client, schema, relation);
  }
  return rowCount ?? 0;
}

async function rejectUnresolved(client: ClientBase, header: string, relation: RelationTarget): Promise<void> {
  const { labelSingular, labelPlural } = relation.object;
  const column = identifier(relation.column);
  const name = `'"' || substr(l.key, strpos(l.key, ':') + 1) || '"'`;
  await client.query(
    `insert into relvar_import_rejects (line, reason)
     select distinct on (s.line) s.line, ${literal(`${header}: `)} || case l.found
       when 0 then ${literal(`there is no ${labelSingular.toLowerCase()} `)} || ${name} || '.'
       else l.found || ${literal(` ${labelPlural.toLowerCase()} are called `)} || ${name} || '.' end
     from ${LIVE_ROWS.replace(' where', ` join relvar_import_links l on l.relation = ${literal(relation.column)} and ${relation.junction ? `l.key = any (s.${column})` : `l.key = s.${column}`} where`)}
       and l.found <> 1
     order by s.line`,
  );
}
