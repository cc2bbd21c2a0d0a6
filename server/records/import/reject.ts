import type { ClientBase } from 'pg';
import type { FieldModel, ObjectModel } from '../model.ts';
import { identifier, literal } from '../sql.ts';
import type { TableFacts } from './catalogue.ts';
import { identityExpression } from './lookup.ts';
import { STAGE } from './stage.ts';

/** The rows that nothing is known against yet, as "s". */
export const LIVE_ROWS = `${STAGE} s where s.reject is null
  and not exists (select from relvar_import_rejects r where r.line = s.line)`;

/** One check is one statement over all rows; a row leaves at the first that it fails. */
export class RowChecks {
  private readonly client: ClientBase;
  private readonly table: string;
  private readonly object: ObjectModel;
  private readonly facts: TableFacts;
  private readonly staged: ReadonlySet<string>;
  private readonly relationColumns: ReadonlySet<string>;

  constructor(
    client: ClientBase,
    table: string,
    object: ObjectModel,
    facts: TableFacts,
    staged: readonly string[],
    relationColumns: readonly string[],
  ) {
    this.client = client;
    this.table = table;
    this.object = object;
    this.facts = facts;
    this.staged = new Set(staged);
    this.relationColumns = new Set(relationColumns);
  }

  /**
   * Finds the record that each row updates. Of rows with the same key the first is taken and the
   * later ones are rejected: were the last to win, the cells of the others would vanish unseen.
   */
  async match(field: FieldModel): Promise<void> {
    const key = identityExpression(field, 's');
    const name = field.label;
    await this.reject(
      `select s.line, ${literal(`${name}: the cell is empty, so the row cannot be matched.`)}
       from ${LIVE_ROWS} and ${key} is null`,
    );
    await this.rejectRepeated(name, key, 'true');
    await this.client.query(
      `insert into relvar_import_matches (line, id)
       select s.line, t.id from (select s.line, ${key} as key from ${LIVE_ROWS}) s
       join ${this.table} t on ${identityExpression(field, 't')} = s.key`,
    );
    await this.reject(
      `select m.line, ${literal(`${name}: the row matches `)} || count(*) || ${literal(` ${this.object.labelPlural.toLowerCase()}, and should match one.`)}
       from relvar_import_matches m group by m.line having count(*) > 1`,
    );
  }

  async required(): Promise<void> {
    for (const [column, { isRequired, defaultExpression }] of this.facts.columns) {
      if (!isRequired || defaultExpression !== null || !this.staged.has(column)) continue;
      await this.reject(
        `select s.line, ${literal(`${this.labelOf(column)}: a value is required.`)} from ${LIVE_ROWS}
         and s.${identifier(column)} is null and not exists (select from relvar_import_matches m where m.line = s.line)`,
      );
    }
  }

  /** Check constraints whose columns are all in the file, evaluated by PostgreSQL on the staged rows. */
  async constraints(): Promise<void> {
    for (const { expression, columns } of this.facts.checks) {
      if (!columns.every((column) => this.staged.has(column) && !this.relationColumns.has(column))) continue;
      const labels = [...new Set(columns.map((column) => this.labelOf(column)))].join(', ');
      await this.reject(
        `select s.line, ${literal(`${labels}: the value is not allowed.`)}
         from (select * from ${LIVE_ROWS}) s where not (${expression})`,
      );
    }
  }

  /** Values that only one record may have: first within the file, then against the records. */
  async unique(): Promise<void> {
    for (const { expressions, predicate, columns } of this.facts.uniqueKeys) {
      if (!columns.every((column) => this.staged.has(column) && !this.relationColumns.has(column))) continue;
      const key = expressions.join(', ');
      const isPresent = `(${expressions.map((expression) => `(${expression}) is not null`).join(' and ')}) and (${predicate ?? 'true'})`;
      const name = [...new Set(columns.map((column) => this.labelOf(column)))].join(', ');
      await this.rejectRepeated(name, key, isPresent);
      const aliases = expressions.map((expression, index) => `(${expression}) as k${index}`).join(', ');
      const equal = expressions.map((_, index) => `s.k${index} = t.k${index}`).join(' and ');
      await this.reject(
        `select distinct s.line, ${literal(`${name}: another ${this.object.labelSingular.toLowerCase()} has this value already.`)}
         from (select line, ${aliases} from (select * from ${LIVE_ROWS}) s where ${isPresent}) s
         join (select id, ${aliases} from ${this.table} where ${predicate ?? 'true'}) t on ${equal}
         left join relvar_import_matches m on m.line = s.line
         where m.id is distinct from t.id`,
      );
    }
  }

  private async rejectRepeated(name: string, key: string, condition: string): Promise<void> {
    await this.reject(
      `select line, ${literal(`${name}: line `)} || first || ${literal(' of the file has the same value.')}
       from (select s.line, min(s.line) over (partition by ${key}) as first from (select * from ${LIVE_ROWS}) s where ${condition}) s
       where line <> first`,
    );
  }

  private async reject(rows: string): Promise<void> {
    await this.client.query(`insert into relvar_import_rejects (line, reason) ${rows}`);
  }

  private labelOf(column: string): string {
    const field = this.object.fields.find((candidate) =>
      [...candidate.columns.map((each) => each.column), ...candidate.relations.map((each) => each.column)].includes(
        column,
      ),
    );
    return field?.label ?? column;
  }
}
