import type { Bench } from './bench.ts';
import type { BenchDatabase } from './database.ts';
import { median, percentile, alternate, time } from './rounds.ts';
import { SchemaBuilder } from './schemaBuilder.ts';
import type { ServerProcess } from './serverProcess.ts';

const ROUNDS = 20;
/** p95 may be as long as so many builds. */
const MAX_BUILDS = 3;

const CREATE_FIELD = `mutation CreateField($object: UUID!, $label: String!) {
  createField(input: { objectId: $object, label: $label, type: "TEXT" }) { result { name } query { modelVersion } }
}`;

export const modelChange: Bench = {
  name: 'model.change',
  compares: 'from the call that creates a field until a query uses it, beside 500 workspaces against beside 1',
  async run(lab) {
    const small = await Editor.start(await lab.small());
    const large = await Editor.start(await lab.large());
    const builder = new SchemaBuilder(await lab.large());
    const builds: number[] = [];
    const { ratios, ...times } = await alternate(
      ROUNDS,
      async () => {
        const taken = await large.addField();
        // In the same rounds, so that both meet the machine in the same state.
        builds.push(await time(() => builder.build()));
        return taken;
      },
      () => small.addField(),
    );
    await Promise.all([small.stop(), large.stop(), builder.close()]);
    const buildMs = median(builds);
    const p95 = percentile(large.times, 0.95);
    return {
      ratio: times.ratio,
      bound: 1.3,
      checks: { [`p95 at most ${MAX_BUILDS} schema builds`]: p95 <= MAX_BUILDS * buildMs },
      detail: {
        p50MsBeside1: times.reference,
        p95MsBeside1: percentile(small.times, 0.95),
        p50MsBeside500: times.subject,
        p95MsBeside500: p95,
        schemaBuildMs: buildMs,
        p95InSchemaBuilds: p95 / buildMs,
        ratios,
      },
    };
  },
};

/** Somebody who adds one field after the other and uses each at once. */
class Editor {
  readonly times: number[] = [];
  readonly #server: ServerProcess;
  readonly #key: string;
  readonly #object: string;
  #fields = 0;

  private constructor(server: ServerProcess, key: string, object: string) {
    this.#server = server;
    this.#key = key;
    this.#object = object;
  }

  static async start(database: BenchDatabase): Promise<Editor> {
    const { id, slug } = database.workspaces[0]!;
    const { rows } = await database.admin.query<{ id: string }>(
      `select id from metadata.objects where workspace_id = $1 and name_singular = 'person'`,
      [id],
    );
    const server = await database.startServer();
    return new Editor(server, await database.apiKey(slug), rows[0]!.id);
  }

  async addField(): Promise<number> {
    this.#fields += 1;
    const label = `Bench field ${this.#fields}`;
    const taken = await time(async () => {
      const created = await this.#server.graphql('/metadata', this.#key, CREATE_FIELD, { object: this.#object, label });
      const { result, query } = created.createField as { result: { name: string }; query: { modelVersion: string } };
      const headers = { 'x-metadata-version': query.modelVersion };
      await this.#server.graphql(
        '/graphql',
        this.#key,
        `{ people(first: 1) { nodes { id ${result.name} } } }`,
        {},
        headers,
      );
    });
    this.times.push(taken);
    return taken;
  }

  async stop(): Promise<void> {
    // The first built /metadata and loaded all code.
    this.times.shift();
    await this.#server.stop();
  }
}
