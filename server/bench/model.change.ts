import type { Bench } from './bench.ts';
import type { BenchDatabase } from './database.ts';
import { MANY } from './lab.ts';
import { median, percentile, time } from './rounds.ts';
import { SchemaBuilder } from './schemaBuilder.ts';
import type { ServerProcess } from './serverProcess.ts';

const ROUNDS = 6;
/** p95 may be as long as so many builds. */
const MAX_BUILDS = 3;

/** In this order, each begins where the one before ended. */
const KINDS = [
  'createField',
  'renameField',
  'retypeField',
  'relate',
  'deleteField',
  'createObject',
  'renameObject',
  'deleteObject',
] as const;
type Kind = (typeof KINDS)[number];

export const modelChange: Bench = {
  name: 'model.change',
  compares: `from the call that changes the model until a query uses it, the worst kind, beside ${MANY} workspaces against beside 1`,
  async run(lab) {
    const small = await Editor.start(await lab.small());
    const large = await Editor.start(await lab.large());
    const builder = new SchemaBuilder(await lab.large());
    const builds: number[] = [];
    const pairs: { kind: Kind; small: number; large: number }[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const kind of KINDS) {
        const isSmallFirst = (round + KINDS.indexOf(kind)) % 2 === 0;
        const first = isSmallFirst ? await small.change(kind) : await large.change(kind);
        const second = isSmallFirst ? await large.change(kind) : await small.change(kind);
        // The first round loads all code and builds /metadata.
        if (round === 0) continue;
        pairs.push({ kind, small: isSmallFirst ? first : second, large: isSmallFirst ? second : first });
      }
      // In the same rounds, so that both meet the machine in the same state.
      builds.push(await time(() => builder.build()));
    }
    await Promise.all([small.stop(), large.stop(), builder.close()]);
    const buildMs = median(builds);
    const p95 = percentile(
      pairs.map((pair) => pair.large),
      0.95,
    );
    const kinds = KINDS.map((kind) => {
      const own = pairs.filter((pair) => pair.kind === kind);
      return {
        kind,
        ratio: median(own.map((pair) => pair.large / pair.small)),
        msBeside1: median(own.map((pair) => pair.small)),
        msBesideMany: median(own.map((pair) => pair.large)),
      };
    });
    return {
      ratio: Math.max(...kinds.map(({ ratio }) => ratio)),
      bound: 1.3,
      checks: { [`p95 at most ${MAX_BUILDS} schema builds`]: p95 <= MAX_BUILDS * buildMs },
      detail: { p95MsBesideMany: p95, schemaBuildMs: buildMs, p95InSchemaBuilds: p95 / buildMs, kinds },
    };
  },
};

/** Somebody who changes the model over and over and uses each change at once. */
class Editor {
  readonly #server: ServerProcess;
  readonly #key: string;
  readonly #person: string;
  readonly #company: string;
  #count = 0;
  #field = '';
  #object = '';
  #version = '0';

  private constructor(server: ServerProcess, key: string, person: string, company: string) {
    this.#server = server;
    this.#key = key;
    this.#person = person;
    this.#company = company;
  }

  static async start(database: BenchDatabase): Promise<Editor> {
    const { id, slug } = database.workspaces[0]!;
    const { rows } = await database.admin.query<{ id: string }>(
      `select id from metadata.objects where workspace_id = $1 and name_singular in ('person', 'company') order by name_singular desc`,
      [id],
    );
    const server = await database.startServer();
    return new Editor(server, await database.apiKey(slug), rows[0]!.id, rows[1]!.id);
  }

  /** How long a change takes until it is used; what follows from it for the next is not measured. */
  async change(kind: Kind): Promise<number> {
    if (kind === 'createField') this.#count += 1;
    const number = this.#count;
    let made = '';
    const taken = await time(async () => {
      switch (kind) {
        case 'createField':
          made = await this.#create('createField', {
            objectId: this.#person,
            label: `Bench field ${number}`,
            type: 'TEXT',
          });
          return this.#use(`people(first: 1) { nodes { id benchField${number} } }`);
        case 'renameField':
          await this.#update('Field', this.#field, { name: `benchName${number}` });
          return this.#use(`people(first: 1) { nodes { id benchName${number} } }`);
        case 'retypeField':
          await this.#update('Field', this.#field, { type: 'NUMBER' });
          return this.#use(`people(first: 1, filter: { benchName${number}: { greaterThan: 1 } }) { nodes { id } }`);
        case 'relate':
          made = await this.#create('createField', {
            objectId: this.#person,
            label: `Bench link ${number}`,
            type: 'RELATION',
            targetObjectId: this.#company,
            inverseName: `benchPeople${number}`,
            inverseLabel: 'Bench people',
          });
          return this.#use(`people(first: 1) { nodes { id benchLink${number} { id } } }`);
        case 'deleteField':
          await this.#delete('Field', this.#field);
          return this.#use('people(first: 1) { nodes { id } }');
        case 'createObject':
          made = await this.#create('createObject', {
            labelSingular: `Bench thing ${number}`,
            labelPlural: `Bench things ${number}`,
          });
          return this.#use(`benchThings${number}(first: 1) { nodes { id name } }`);
        case 'renameObject':
          await this.#update('Object', this.#object, {
            nameSingular: `benchItem${number}`,
            namePlural: `benchItems${number}`,
          });
          return this.#use(`benchItems${number}(first: 1) { nodes { id name } }`);
        case 'deleteObject':
          await this.#delete('Object', this.#object);
          return this.#use('people(first: 1) { nodes { id } }');
      }
    });
    // The model does not grow from round to round.
    if (kind === 'createField') this.#field = made;
    if (kind === 'createObject') this.#object = made;
    if (kind === 'relate') await this.#delete('Field', made);
    if (kind === 'relate') await this.#purge('Field', made);
    if (kind === 'deleteField') await this.#purge('Field', this.#field);
    if (kind === 'deleteObject') await this.#purge('Object', this.#object);
    return taken;
  }

  async #create(mutation: string, input: object): Promise<string> {
    const { result } = await this.#mutate(mutation, input, 'result { id }');
    return (result as { id: string }).id;
  }

  async #update(table: string, id: string, patch: object): Promise<void> {
    await this.#mutate(`update${table}`, { id, patch }, '__typename');
  }

  async #delete(table: string, id: string): Promise<void> {
    await this.#mutate(`delete${table}`, { id }, '__typename');
  }

  async #purge(table: string, id: string): Promise<void> {
    await this.#mutate(`purge${table}`, { id }, '__typename');
  }

  async #mutate(mutation: string, input: object, selection: string): Promise<Record<string, unknown>> {
    const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;
    const answer = await this.#server.graphql(
      '/metadata',
      this.#key,
      `mutation ($input: ${type}!) { ${mutation}(input: $input) { ${selection} query { modelVersion } } }`,
      { input },
    );
    const payload = answer[mutation] as Record<string, unknown> & { query: { modelVersion: string } };
    this.#version = payload.query.modelVersion;
    return payload;
  }

  async #use(selection: string): Promise<void> {
    await this.#server.graphql('/graphql', this.#key, `{ ${selection} }`, {}, { 'x-metadata-version': this.#version });
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}
