import type { ClientBase, DatabaseError } from 'pg';
import type { FieldModel, ObjectModel } from '../model.ts';
import { identifier, literal } from '../sql.ts';
import type { Rules, TableFacts } from './catalogue.ts';
import { identityExpression } from './lookup.ts';
import { STAGE } from './stage.ts';
import { isForbiddenRow } from './write.ts';

/** The rows that nothing is known against yet, as "s". */
export const LIVE_ROWS = `${STAGE} s where s.reject is null
  and not exists (select from relvar_import_rejects r where r.line = s.line)`;

/** What becomes of rows that match a record, and of those that match none. */
export type ImportMode = 'CREATE' | 'UPDATE' | 'BOTH';

/** One check is one statement over all rows; a row leaves at the first that it fails. */
export class RowChecks {
  private readonly client: ClientBase;
  private readonly table: string;
  private readonly object: ObjectModel;
  private readonly facts: TableFacts;
  private readonly rules: Rules;
  private readonly staged: ReadonlySet<string>;
  private readonly relationColumns: ReadonlySet<string>;
  private isMatching = false;

  constructor(
    client: ClientBase,
    table: string,
    object: ObjectModel,
    facts: TableFacts,
    rules: Rules,
    staged: readonly string[],
    relationColumns: readonly string[],
  ) {
    this.client = client;
    this.table = table;
    this.object = object;
    this.facts = facts;
    this.rules = rules;
    this.staged = new Set(staged);
    this.relationColumns = new Set(relationColumns);
  }

  /**
   * Finds the record that each row updates. Of rows with the same key the first is taken and the
   * later ones are rejected: were the last to win, the cells of the others would vanish unseen.
   */
  async match(field: FieldModel, mode: ImportMode): Promise<void> {
    this.isMatching = true;
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
    const singular = this.object.labelSingular.toLowerCase();
    if (mode === 'UPDATE')
      await this.reject(
        `select s.line, ${literal(`${name}: there is no ${singular} with this value, and none is to be created.`)}
         from ${LIVE_ROWS} and not exists (select from relvar_import_matches m where m.line = s.line)`,
      );
    if (mode === 'CREATE')
      await this.reject(
        `select s.line, ${literal(`${name}: a ${singular} with this value is there already, and none is to be changed.`)}
         from ${LIVE_ROWS} and exists (select from relvar_import_matches m where m.line = s.line)`,
      );
  }

  async required(): Promise<void> {
    for (const [column, { isRequired, defaultExpression }] of this.facts.columns) {
      if (!isRequired || defaultExpression !== null || !this.staged.has(column)) continue;
      await this.reject(
        `select s.line, ${literal(this.reason(column, [column], 'a value is required.'))} from ${LIVE_ROWS}
         and s.${identifier(column)} is null and not exists (select from relvar_import_matches m where m.line = s.line)`,
      );
    }
  }

  /**
   * Check constraints, evaluated by PostgreSQL on the rows as they will be: what the file does not say is
   * the column's default, or stays as the record that is updated has it. Those over columns that
   * cannot be told before the write are left to the write itself.
   */
  async constraints(): Promise<void> {
    for (const { name, expression, columns } of this.facts.checks) {
      if (!columns.some((column) => this.staged.has(column)) || !columns.every((column) => this.isKnown(column)))
        continue;
      const values = columns.map((column) => `${this.futureValue(column)} as ${identifier(column)}`).join(', ');
      await this.reject(
        `select x.line, ${literal(this.reason(name, columns, 'the value is not allowed.'))}
         from (select s.line, ${values} from (select * from ${LIVE_ROWS}) s
           ${this.isMatching ? `left join relvar_import_matches m on m.line = s.line left join ${this.table} t on t.id = m.id` : ''}) x
         where not (${expression})`,
      );
    }
  }

  private isKnown(column: string): boolean {
    const fact = this.facts.columns.get(column);
    if (!fact || fact.isGenerated || this.relationColumns.has(column)) return false;
    if (this.isMatching && !fact.isReadable) return false;
    // Functions of the engine are not to be called by name.
    return this.staged.has(column) || !(fact.defaultExpression ?? '').includes('engine.');
  }

  private futureValue(column: string): string {
    const name = identifier(column);
    const { defaultExpression, type } = this.facts.columns.get(column)!;
    const initial = `(${defaultExpression ?? 'null'})::${type}`;
    const fallback = this.isMatching ? `case when m.id is null then ${initial} else t.${name} end` : initial;
    return this.staged.has(column) ? `coalesce(s.${name}, ${fallback})` : fallback;
  }

  /**
   * Values that only one record may have: first within the file, then against the records that the caller
   * sees. Of others PostgreSQL knows when the row is written.
   */
  async unique(): Promise<void> {
    for (const { name: constraint, expressions, predicate, columns } of this.facts.uniqueKeys) {
      if (!columns.every((column) => this.staged.has(column) && !this.relationColumns.has(column))) continue;
      const key = expressions.join(', ');
      const isPresent = `(${expressions.map((expression) => `(${expression}) is not null`).join(' and ')}) and (${predicate ?? 'true'})`;
      const name = [...new Set(columns.map((column) => this.labelOf(column)))].join(', ');
      await this.rejectRepeated(name, key, isPresent);
      if (!columns.every((column) => this.facts.columns.get(column)?.isReadable)) continue;
      const aliases = expressions.map((expression, index) => `(${expression}) as k${index}`).join(', ');
      const equal = expressions.map((_, index) => `s.k${index} = t.k${index}`).join(' and ');
      await this.reject(
        `select distinct s.line, ${literal(this.reason(constraint, columns, `another ${this.object.labelSingular.toLowerCase()} has this value already.`))}
         from (select line, ${aliases} from (select * from ${LIVE_ROWS}) s where ${isPresent}) s
         join (select id, ${aliases} from ${this.table} where ${predicate ?? 'true'}) t on ${equal}
         left join relvar_import_matches m on m.line = s.line
         where m.id is distinct from t.id`,
      );
    }
  }

  /** Why PostgreSQL refused a row when it was written. */
  reasonOf(error: DatabaseError): string {
    const { constraint, column, message } = error;
    if (isForbiddenRow(error.code ?? '', message))
      return `Your role may not have ${this.object.labelPlural.toLowerCase()} become like this.`;
    const key = constraint ?? column;
    if (key === undefined || !error.code?.startsWith('23')) return /[.!?]$/.test(message) ? message : `${message}.`;
    const columns = this.facts.checks.find(({ name }) => name === constraint)?.columns ?? (column ? [column] : []);
    return this.reason(key, columns, `${message}.`);
  }

  /** The field, or fields, and the rule's own sentence where one stands behind the constraint. */
  private reason(constraint: string, columns: readonly string[], otherwise: string): string {
    const rule = this.rules.get(constraint);
    const named = rule && this.object.fields.find((field) => field.name === rule.field);
    const labels = named ? [named.label] : [...new Set(columns.map((column) => this.labelOf(column)))];
    const sentence = rule?.message ?? otherwise;
    // The words of most rules begin with the field that they are of.
    const isNamed = labels.length === 0 || (rule !== undefined && labels.some((label) => sentence.includes(label)));
    return isNamed ? sentence : `${labels.join(', ')}: ${sentence}`;
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
