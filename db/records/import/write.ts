import type { ClientBase, DatabaseError } from 'pg';
import { identifier, literal } from '../sql.ts';
import type { TableFacts } from './catalogue.ts';
import { ROW_ID, STAGE } from './stage.ts';
import type { Junction } from '../model.ts';

/** Rows a statement, roughly: enough that its cost is spread thin, few enough to retry in halves. */
const BATCH_ROWS = 25_000;

export interface Written {
  created: number;
  updated: number;
}

/** A relation to many: the staged column with its keys, and where its links go. */
export interface StagedLinks {
  column: string;
  table: string;
  junction: Junction;
}

interface Range {
  fromBlock: number;
  toBlock: number;
  fromLine: number;
  toLine: number;
}

/**
 * Moves the staged rows that passed every check into the table, in batches that follow each other
 * on disk, so that no index on the staging table is needed. A batch that PostgreSQL refuses for a
 * reason that no check foresaw is halved until the refused row stands alone, and that is rejected.
 */
export class RowWriter {
  private readonly client: ClientBase;
  private readonly insertion: string;
  private readonly update: string | null;
  private readonly linking: string[];
  private readonly reasonOf: (error: DatabaseError) => string;

  constructor(
    client: ClientBase,
    table: string,
    facts: TableFacts,
    staged: readonly string[],
    relationColumns: readonly string[],
    many: readonly StagedLinks[],
    isMatching: boolean,
    reasonOf: (error: DatabaseError) => string,
  ) {
    this.client = client;
    this.reasonOf = reasonOf;
    const columns = staged.filter((column) => !many.some((link) => link.column === column));
    const created = columns.includes('id') ? `coalesce(s.id, s.${ROW_ID})` : `s.${ROW_ID}`;
    const joins = relationColumns.map((column, index) =>
      many.some((link) => link.column === column)
        ? ''
        : `left join relvar_import_links l${index} on l${index}.relation = ${literal(column)} and l${index}.key = s.${identifier(column)}`,
    );
    const value = (column: string) => {
      const link = relationColumns.indexOf(column);
      return link < 0 ? `s.${identifier(column)}` : `l${link}.id`;
    };
    const rows = `${STAGE} s ${joins.join(' ')}`;
    const accepted = `s.ctid >= $1::tid and s.ctid < $2::tid and s.line between $3 and $4 and s.reject is null
      and not exists (select from relvar_import_rejects r where r.line = s.line)`;
    const withDefault = (column: string) => {
      const fallback = facts.columns.get(column)?.defaultExpression ?? null;
      // Below PostgreSQL 18 ids are made by a function that nobody but a default may call by name.
      if (column === 'id' && fallback?.includes('engine.')) return created;
      return fallback === null ? value(column) : `coalesce(${value(column)}, ${fallback})`;
    };
    // The links need to know the ids of the records that they are of.
    const others = many.length > 0 ? columns.filter((column) => column !== 'id') : columns;
    const names = [...(many.length > 0 ? ['id'] : []), ...others];
    const values = [...(many.length > 0 ? [created] : []), ...others.map(withDefault)];
    this.insertion = `insert into ${table} (${names.map(identifier).join(', ')})
      select ${values.join(', ')} from ${rows}
      where ${accepted} ${isMatching ? 'and not exists (select from relvar_import_matches m where m.line = s.line)' : ''}`;

    // What a record is linked with already stays: a list says what is there, not what is not.
    this.linking = many.map(
      ({ column, table: links, junction: { nearColumn, farColumn } }) => `
        insert into ${links} (${identifier(nearColumn)}, ${identifier(farColumn)})
        select distinct r.id, l.id
        from ${STAGE} s ${isMatching ? 'left join relvar_import_matches m on m.line = s.line' : ''}
        cross join lateral (select ${isMatching ? `coalesce(m.id, ${created})` : created} as id) r
        join relvar_import_links l on l.relation = ${literal(column)} and l.key = any (s.${identifier(column)})
        where ${accepted}
          and not exists (select from ${links} j where j.${identifier(nearColumn)} = r.id and j.${identifier(farColumn)} = l.id)`,
    );

    const updatable = columns.filter((column) => column !== 'id');
    // An empty cell says nothing about the record, so it leaves what is there.
    const after = updatable.map((column) => `coalesce(${value(column)}, t.${identifier(column)})`);
    this.update =
      isMatching && updatable.length > 0
        ? `update ${table} t set (${updatable.map(identifier).join(', ')}) = row(${after.join(', ')})
           from ${rows} join relvar_import_matches m on m.line = s.line
           where m.id = t.id and ${accepted}
             and (${updatable.map((column, index) => `t.${identifier(column)} is distinct from ${after[index]}`).join(' or ')})`
        : null;
  }

  async writeAll(onRows: (line: number) => void): Promise<Written> {
    const total: Written = { created: 0, updated: 0 };
    for (const range of await this.ranges()) {
      const written = await this.writeRange(range);
      total.created += written.created;
      total.updated += written.updated;
      onRows(range.toLine);
    }
    return total;
  }

  private async ranges(): Promise<Range[]> {
    const { rows } = await this.client.query<{ blocks: number; rows: number; last: number }>(
      `select (pg_relation_size('${STAGE}'::regclass) / current_setting('block_size')::int)::float8 as blocks,
              count(*)::float8 as rows, coalesce(max(line), 0)::float8 as last from ${STAGE}`,
    );
    const { blocks = 0, rows: count = 0, last = 0 } = rows[0] ?? {};
    const step = Math.max(1, Math.ceil((blocks * BATCH_ROWS) / Math.max(1, count)));
    const ranges: Range[] = [];
    for (let block = 0; block < blocks; block += step)
      ranges.push({ fromBlock: block, toBlock: block + step, fromLine: 0, toLine: last });
    return ranges;
  }

  private async writeRange(range: Range): Promise<Written> {
    await this.client.query('savepoint relvar_import_batch');
    try {
      const parameters = [`(${range.fromBlock},0)`, `(${range.toBlock},0)`, range.fromLine, range.toLine];
      const updated = this.update ? ((await this.client.query(this.update, parameters)).rowCount ?? 0) : 0;
      const created = (await this.client.query(this.insertion, parameters)).rowCount ?? 0;
      for (const statement of this.linking) await this.client.query(statement, parameters);
      await this.client.query('release savepoint relvar_import_batch');
      return { created, updated };
    } catch (error) {
      if (!isAboutRows(error)) throw error;
      await this.client.query('rollback to savepoint relvar_import_batch');
      return this.halve(range, error);
    }
  }

  private async halve(range: Range, error: DatabaseError): Promise<Written> {
    const { rows } = await this.client.query<{ first: number; middle: number; last: number }>(
      `select min(line)::float8 as first, max(line)::float8 as last,
              percentile_disc(0.5) within group (order by line)::float8 as middle
       from ${STAGE} s where s.ctid >= $1::tid and s.ctid < $2::tid and s.line between $3 and $4 and s.reject is null
         and not exists (select from relvar_import_rejects r where r.line = s.line)`,
      [`(${range.fromBlock},0)`, `(${range.toBlock},0)`, range.fromLine, range.toLine],
    );
    const { first = 0, middle = 0, last = 0 } = rows[0] ?? {};
    if (first === last) {
      await this.client.query('insert into relvar_import_rejects (line, reason) values ($1, $2)', [
        first,
        this.reasonOf(error),
      ]);
      return { created: 0, updated: 0 };
    }
    const left = await this.writeRange({ ...range, fromLine: first, toLine: middle });
    const right = await this.writeRange({ ...range, fromLine: middle + 1, toLine: last });
    return { created: left.created + right.created, updated: left.updated + right.updated };
  }
}

/** Data exceptions, broken constraints, rows too large for an index, what triggers raise, and rows that a rule of the role forbids. */
function isAboutRows(error: unknown): error is DatabaseError {
  const { code = '', message = '' } = error as Partial<DatabaseError>;
  return /^(22|23|54|RV)/.test(code) || code === 'P0001' || isForbiddenRow(code, message);
}

/** A right that is missing is of the whole file; a rule about records is of the one that would come to lie beyond it. */
export function isForbiddenRow(code: string, message: string): boolean {
  return code === '42501' && message.startsWith('new row violates row-level security policy');
}
