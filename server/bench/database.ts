import { createHash, randomBytes } from 'node:crypto';
import type pg from 'pg';
import { loginUrl } from '../../db/config.ts';
import { startEmbedded, type EmbeddedServer } from '../../db/embedded/server.ts';
import { migrate } from '../../db/migrate.ts';
import { createPool, withIdentity, type Identity } from '../../db/pool.ts';
import { ServerProcess } from './serverProcess.ts';

export interface Workspace {
  readonly id: string;
  readonly slug: string;
  readonly schemaName: string;
}

/** An embedded server of a bench's own, with its workspaces and the processes that serve them. */
export class BenchDatabase {
  adminUrl = '';
  serverUrl = '';
  workerUrl = '';
  admin!: pg.Pool;
  /** In the order of their slugs: bench-1, bench-2 and so on. */
  workspaces: readonly Workspace[] = [];
  readonly #dataDir: string;
  readonly #processes: ServerProcess[] = [];
  #server: EmbeddedServer | undefined;
  #isClosed = false;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async open(workspaces: number): Promise<void> {
    // Filled without waiting for the disk, then started anew as the embedded server really runs.
    await this.#start(true);
    await migrate(this.adminUrl, this.#server!);
    await this.#createWorkspaces(workspaces);
    await this.admin.query('analyze');
    await this.#stop();
    await this.#start(false);
    const { rows } = await this.admin.query<Workspace>(
      `select id, slug, schema_name as "schemaName" from core.workspaces order by length(slug), slug`,
    );
    this.workspaces = rows;
  }

  async #start(disposable: boolean): Promise<void> {
    const server = await startEmbedded({ dataDir: this.#dataDir, disposable });
    this.#server = server;
    this.adminUrl = server.adminUrl;
    this.serverUrl = loginUrl(server.adminUrl, 'relvar_server', server.serverPassword);
    this.workerUrl = loginUrl(server.adminUrl, 'relvar_worker', server.workerPassword);
    this.admin = createPool({ connectionString: this.adminUrl, applicationName: 'relvar bench', max: 4 });
    // Closing while this was starting found nothing to stop.
    if (this.#isClosed) await this.close();
  }

  async #stop(): Promise<void> {
    await this.admin?.end();
    await this.#server?.stop();
  }

  /** Two at a time, since that is how many cores the smallest machine has. */
  async #createWorkspaces(count: number): Promise<void> {
    let next = 1;
    const work = async () => {
      while (next <= count && !this.#isClosed) await this.createWorkspace(`bench-${next++}`);
    };
    await Promise.all([work(), work()]);
  }

  async createWorkspace(slug: string): Promise<void> {
    await this.admin.query('select engine.create_workspace($1, $1, $2)', [slug, `owner@${slug}.example`]);
  }

  async workspace(slug: string): Promise<Workspace> {
    const { rows } = await this.admin.query<Workspace>(
      'select id, slug, schema_name as "schemaName" from core.workspaces where slug = $1',
      [slug],
    );
    return rows[0]!;
  }

  async dropWorkspace(slug: string): Promise<void> {
    await this.admin.query('select engine.drop_workspace($1)', [slug]);
  }

  /** The owner of a workspace, as a request of the screen is. */
  async identity(workspace: Workspace): Promise<Identity> {
    const { rows } = await this.admin.query<Identity>(
      `select r.pg_role as "pgRole", w.schema_name as "schemaName", m.id as "memberId", null as "apiKeyId", 'MANUAL' as source
         from core.workspaces w
         join core.members m on m.workspace_id = w.id
         join metadata.roles r on r.id = m.role_id
        where w.id = $1 order by m.created_at limit 1`,
      [workspace.id],
    );
    return rows[0]!;
  }

  /** A new API key of the workspace's administrators, for `Authorization: Bearer`, that may ask as often as it can. */
  async apiKey(slug: string): Promise<string> {
    const key = `rv_${randomBytes(32).toString('base64url')}`;
    const hash = createHash('sha256').update(key).digest();
    await this.admin.query(`select core.create_api_key($1, 'Admin', 'Benchmark', $2, $3)`, [
      slug,
      key.slice(0, 8),
      hash,
    ]);
    await this.admin.query('update core.api_keys set rate_limit = 1000000 where token_hash = $1', [hash]);
    return key;
  }

  /** A token that acts as a member, as often as it can. */
  async personalToken(identity: Identity): Promise<string> {
    const { rows } = await withIdentity(this.admin, identity, (client) =>
      client.query<{ key: { id: string; secret: string } }>(
        `select metadata.create_personal_token('Benchmark') as key`,
      ),
    );
    const { id, secret } = rows[0]!.key;
    await this.admin.query('update core.api_keys set rate_limit = 1000000 where id = $1', [id]);
    return secret;
  }

  /** server/ in a process of its own, on a port of its own. */
  async startServer(nodeFlags: readonly string[] = [], more: Record<string, string> = {}): Promise<ServerProcess> {
    const server = new ServerProcess(this.serverUrl, this.#dataDir, nodeFlags, more);
    this.#processes.push(server);
    await server.ready();
    return server;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#processes.map((process) => process.stop()));
    await this.#stop().catch(() => {});
  }
}
