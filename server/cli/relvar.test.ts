import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Secrets } from '../../db/secrets.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { webhookSecretPurpose } from '../../db/webhookSecrets.ts';
import { addField, addObject, createWorkspace, statements } from '../../db/testing/workspace.ts';
import { isPassword } from '../auth/passwords.ts';

const db = useDatabase();
const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'relvar-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = 'the secret of the tests, which nobody guesses';

interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

function relvar(...args: string[]): Promise<Outcome> {
  const env = {
    ...process.env,
    DATABASE_URL: db.adminUrl,
    RELVAR_SERVER_URL: db.serverUrl,
    RELVAR_WORKER_URL: db.workerUrl,
    RELVAR_SECRET: SECRET,
  };
  const child = spawn(process.execPath, [join(root, 'server/cli/relvar.ts'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

beforeAll(async () => {
  const made = await relvar('workspace', 'create', 'cli-test', '--name', 'CLI', '--owner', 'ada@cli.example');
  expect(made).toMatchObject({ code: 0, err: '' });
});

test('workspace create makes an owner who can sign in with the password that is printed', async () => {
  const { out } = await relvar(
    'workspace',
    'create',
    'fresh',
    '--name',
    'Fresh',
    '--owner',
    'bob@cli.example',
    '--owner-name',
    'Bob Ray',
  );
  const password = /Password, shown only now: (\S+)/.exec(out)?.[1] ?? '';
  const { rows } = await db.admin.query('select * from core.find_login($1)', ['bob@cli.example']);
  expect(await isPassword(rows[0].password_hash, password)).toBe(true);
  const again = await relvar('workspace', 'create', 'fresh', '--name', 'Fresh', '--owner', 'bob@cli.example');
  expect(again).toMatchObject({ code: 1, err: 'There is a workspace "fresh" already.\nChoose another slug.\n' });
});

test('workspace list and drop', async () => {
  await relvar('workspace', 'create', 'short-lived', '--name', 'Short', '--owner', 'cy@cli.example');
  expect((await relvar('workspace', 'list')).out).toMatch(/^short-lived +Short/m);
  expect(await relvar('workspace', 'drop', 'short-lifed')).toMatchObject({
    code: 1,
    err: expect.stringContaining('Did you mean "short-lived"?'),
  });
  expect(await relvar('workspace', 'drop', 'short-lived')).toMatchObject({ code: 0 });
  expect((await relvar('workspace', 'list')).out).not.toContain('short-lived');
});

test('api-key create prints the key alone on stdout, and it opens the workspace', async () => {
  const { code, out } = await relvar(
    'api-key',
    'create',
    '--workspace',
    'cli-test',
    '--role',
    'Member',
    '--name',
    'Test',
  );
  expect(code).toBe(0);
  expect(out).toMatch(/^rv_[\w-]{43}\n$/);
  const { rows } = await db.admin.query(`select * from core.resolve_api_key(sha256(convert_to($1, 'UTF8')))`, [
    out.trim(),
  ]);
  expect(rows).toMatchObject([{ workspace_slug: 'cli-test', role_name: 'Member' }]);
  expect(
    await relvar('api-key', 'create', '--workspace', 'cli-test', '--role', 'King', '--name', 'Test'),
  ).toMatchObject({ code: 1, out: '' });
});

test('import prints the mapping and the outcome, and writes the rejects beside the file', async () => {
  const file = join(folder, 'companies.csv');
  writeFileSync(file, 'Security,Website,Colour\nAcme,acme.example,red\nBolt,no address,blue\n');
  const { code, out, err } = await relvar('import', 'company', file, '--workspace', 'cli-test', '--match', 'name');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/Security +→ name/);
  expect(out).toMatch(/Colour +left out/);
  expect(out).toContain('2 rows for companies: 1 created, 0 updated, 0 unchanged, 1 rejected.');
  expect(readFileSync(join(folder, 'companies.rejects.csv'), 'utf8')).toContain(
    '3,"Website: ""no address"" is not a web address.",Bolt',
  );
  writeFileSync(file, 'Security,Website\nAcme,acme.example\n');
  expect(
    (await relvar('import', 'company', file, '--workspace', 'cli-test', '--match', 'name', '--map', 'Website=')).out,
  ).toContain('1 unchanged');
  expect(existsSync(join(folder, 'companies.rejects.csv'))).toBe(false);
});

test('import as a member signs the records', async () => {
  const file = join(folder, 'signed.csv');
  writeFileSync(file, 'Name\nSigned\n');
  expect(await relvar('import', 'company', file, '--workspace', 'cli-test', '--as', 'ada@cli.example')).toMatchObject({
    code: 0,
  });
  const { out } = await relvar('export', 'company', '--workspace', 'cli-test', '--format', 'ndjson');
  const signed = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .find(({ name }) => name === 'Signed');
  expect(signed.createdBy).toMatchObject({ source: 'IMPORT', name: expect.stringMatching(/ada/i) });
  expect(await relvar('import', 'company', file, '--workspace', 'cli-test', '--as', 'eve@cli.example')).toMatchObject({
    code: 1,
  });
});

test('import and export of the real legislators', async () => {
  const file = join(folder, 'us-legislators.csv');
  copyFileSync(join(root, 'db/records/fixtures/us-legislators.csv'), file);
  const dry = await relvar('import', 'person', file, '--workspace', 'cli-test', '--create-missing', '--dry-run');
  expect(dry.out).toContain('537 created');
  expect(dry.out).toContain('nothing was changed');
  expect((await relvar('export', 'person', '--workspace', 'cli-test', '--format', 'ndjson')).out).toBe('');
});

test('plan and apply find and mend what psql changed', async () => {
  expect((await relvar('plan', '--workspace', 'cli-test')).err).toContain('Nothing to do');
  const { rows } = await db.admin.query(`select schema_name as schema from core.workspaces where slug = 'cli-test'`);
  await db.admin.query(`drop index ${rows[0].schema}.people_company_id_idx`);
  const plan = await relvar('plan', '--workspace', 'cli-test');
  expect(plan.out).toMatch(/create index/i);
  expect(await relvar('doctor')).toMatchObject({
    code: 1,
    out: expect.stringContaining('relvar apply --workspace cli-test'),
  });
  expect((await relvar('apply', '--workspace', 'cli-test')).out).toMatch(/cli-test: \d+ statements? run/);
  expect((await relvar('plan', '--workspace', 'cli-test')).err).toContain('Nothing to do');
});

test('doctor is content only with a living worker', async () => {
  await db.admin.query(`delete from engine.heartbeats`);
  expect(await relvar('doctor')).toMatchObject({
    code: 1,
    out: expect.stringContaining('✗ Worker: has never been seen'),
  });
  await db.admin.query(`select engine.heartbeat('relay')`);
  const { code, out } = await relvar('doctor');
  expect(out).not.toContain('✗');
  expect(code).toBe(0);
});

test('unknown options, commands and values are refused with the nearest name', async () => {
  const mistyped = await relvar('import', 'company', 'x.csv', '--workspce', 'demo');
  expect(mistyped).toMatchObject({ code: 1, err: expect.stringContaining('--workspace') });
  expect(await relvar('improt')).toMatchObject({ code: 1, err: expect.stringContaining('import') });
  expect(await relvar('export', 'company', '--workspace', 'cli-test', '--format', 'xml')).toMatchObject({
    code: 1,
    out: '',
  });
  expect(await relvar('import', 'company', join(folder, 'none.csv'), '--workspace', 'cli-test')).toMatchObject({
    code: 1,
    err: expect.stringContaining('There is no file'),
  });
  expect((await relvar('plan')).code).toBe(1);
});

test('model online does what a worker would, and tries again what failed', async () => {
  const ws = await createWorkspace(db.admin, 'large');
  const object = await addObject(db.admin, ws, { label_singular: 'Thing', label_plural: 'Things' });
  const field = await addField(db.admin, object, { label: 'Code', type: 'TEXT' });
  await db.admin.query(
    `insert into ${ws.schema}.things (name, code) select 'n', i::text from generate_series(1, 100) i`,
  );
  await db.admin.query('update engine.settings set online_rows = 10');
  const online = (...options: string[]) => relvar('model', 'online', '--workspace', 'large', ...options);
  const status = async () =>
    (
      await db.admin.query<{ line: string }>(
        `select kind || ' ' || status as line from metadata.online_changes where workspace_id = $1 order by created_at`,
        [ws.id],
      )
    ).rows.map(({ line }) => line);
  try {
    expect(await online()).toEqual({ code: 0, out: 'large: nothing to do\n', err: '' });
    await db.admin.query('update metadata.fields set is_unique = true where id = $1', [field]);
    await db.admin.query(`update ${ws.schema}.things set code = '1' where code = '2'`);
    expect(await online()).toMatchObject({ code: 0, err: '' });
    expect(await status()).toEqual(['INDEX FAILED']);
    expect((await relvar('doctor')).out).toMatch(/large: .*\(failed\) .*unique/);
    expect((await online()).out).toBe('large: nothing to do\n');
    await db.admin.query(`delete from ${ws.schema}.things where code = '1'`);
    expect(await online('--retry')).toEqual({ code: 0, out: 'large: 1 changes done\n', err: '' });
    expect(await status()).toEqual(['INDEX DONE']);

    // A change of type that failed is taken back, so that it must be asked for again.
    await db.admin.query('update metadata.fields set is_unique = false where id = $1', [field]);
    await db.admin.query(`update metadata.fields set type = 'NUMBER' where id = $1`, [field]);
    await db.admin.query(`update ${ws.schema}.things set code = 'x' where code = '3'`);
    expect(await online()).toMatchObject({ code: 0, err: '' });
    expect((await status()).at(-1)).toBe('TYPE FAILED');
    expect((await online('--retry')).out).toBe(
      'large: change the type again: Code: text to number\nlarge: nothing to do\n',
    );
    expect(await statements(db.admin, ws)).toEqual([]);
    expect((await relvar('model', 'online', '--workspace', 'larch')).err).toContain('no workspace "larch"');
  } finally {
    await db.admin.query('update engine.settings set online_rows = 50000');
  }
}, 120_000);
test('keys rotate makes a key that only the secret opens, and retires the former ones', async () => {
  expect((await relvar('keys', 'list')).err).toContain('There is no key yet.');
  const [first, second] = [(await relvar('keys', 'rotate')).out.trim(), (await relvar('keys', 'rotate')).out.trim()];
  const { rows } = await db.admin.query<{ private_jwk: string }>(
    'select private_jwk from core.signing_keys where kid = $1',
    [second],
  );
  const privateKey: unknown = JSON.parse(new Secrets(SECRET).unseal(rows[0]!.private_jwk, `signing key ${second}`));
  expect(privateKey).toMatchObject({ kty: 'EC', crv: 'P-256', d: expect.any(String) });
  const list = (await relvar('keys', 'list')).out;
  expect(list).toMatch(new RegExp(`^${second} .* signs and verifies$`, 'm'));
  expect(list).toMatch(new RegExp(`^${first} .* verifies until 20`, 'm'));
  const third = (await relvar('keys', 'rotate', '--now')).out.trim();
  expect((await relvar('keys', 'list')).out.match(/^\S{43}/gm)).toEqual([third]);
});

test('db-access makes, lists, renews and ends logins of a member', async () => {
  const grant = ['db-access', 'grant', 'ada@cli.example', '--expires', '30d', '--name', 'Reports'];
  const made = await relvar(...grant, '--workspace', 'cli-test');
  expect(made).toMatchObject({ code: 0, err: expect.stringContaining('reads until 20') });
  const ask = async (url: string, statement: string) => {
    const client = new pg.Client({ connectionString: url.trim() });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(statement)).rows;
    } finally {
      await client.end();
    }
  };
  expect(await ask(made.out, 'select count(*) > 0 as is_there from companies')).toEqual([{ is_there: true }]);
  await expect(ask(made.out, `insert into companies (name) values ('x')`)).rejects.toMatchObject({ code: '25006' });

  const login = new URL(made.out.trim()).username;
  const list = (await relvar('db-access', 'list', '--workspace', 'cli-test')).out;
  expect(list).toMatch(new RegExp(`^${login} .*ada@cli.example .*Reports .*reads `, 'm'));

  const file = join(folder, 'password');
  writeFileSync(file, 'several words that I chose\n');
  const again = await relvar('db-access', 'rotate', login, '--password-file', file);
  expect(again.out).not.toContain('several');
  const url = new URL(again.out.trim());
  url.password = 'several words that I chose';
  expect(await ask(url.href, 'select 1 as one')).toEqual([{ one: 1 }]);
  await expect(ask(made.out, 'select 1')).rejects.toMatchObject({ code: '28P01' });

  const writes = await relvar(...grant, '--workspace', 'cli-test', '--write');
  expect(
    await ask(writes.out, `insert into companies (name) values ('By psql') returning created_by_source as source`),
  ).toEqual([{ source: 'PSQL' }]);
  for (const name of [login, new URL(writes.out.trim()).username])
    expect((await relvar('db-access', 'revoke', name)).code).toBe(0);
  await expect(ask(url.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  expect(await relvar('db-access', 'revoke', login)).toMatchObject({
    code: 1,
    err: expect.stringContaining('list shows'),
  });
  expect(await relvar(...grant.with(2, 'nobody@cli.example'))).toMatchObject({ code: 1 });
  expect(await relvar(...grant.with(4, 'soon'))).toMatchObject({ code: 1, err: expect.stringContaining('90d') });
}, 60_000);

test('admin says who administers the server', async () => {
  expect(await relvar('admin', 'grant', 'ada@cli.example')).toMatchObject({ code: 0 });
  expect((await relvar('admin', 'list')).out).toContain('ada@cli.example');
  expect((await relvar('admin', 'revoke', 'ADA@cli.example')).out).toContain('no longer');
  expect((await relvar('admin', 'list')).out).not.toContain('ada@cli.example');
  expect(await relvar('admin', 'grant', 'nobody@cli.example')).toMatchObject({ code: 1 });
  const { rows } = await db.admin.query<{ kind: string }>(
    `select kind from core.auth_events where kind like 'INSTANCE_ADMIN_%' order by id`,
  );
  expect(rows.map(({ kind }) => kind)).toEqual(['INSTANCE_ADMIN_GRANTED', 'INSTANCE_ADMIN_REVOKED']);
}, 60_000);

describe('jobs', () => {
  const queued = async (set: string) => {
    const { rows } = await db.admin.query<{ id: string }>(
      `select id::text from graphile_worker.add_job('webhook__deliver', json_build_object('workspace_id', (select id from core.workspaces where slug = 'cli-test')), max_attempts => 3)`,
    );
    await db.admin.query(`update graphile_worker._private_jobs set ${set} where id = $1`, [rows[0]!.id]);
    return rows[0]!.id;
  };

  test('are listed by state and workspace, tried again and cancelled', async () => {
    await db.admin.query('truncate graphile_worker._private_jobs');
    const failed = await queued(`attempts = 3, last_error = 'hook.test answered 500'`);
    const later = await queued(`run_at = now() + interval '1 hour'`);
    const all = await relvar('jobs', 'list');
    expect(all.out).toMatch(new RegExp(`${failed}\\s+webhook__deliver\\s+cli-test\\s+FAILED\\s+3 of 3 .*answered 500`));
    expect((await relvar('doctor')).out).toMatch(/Jobs: 0 waiting, 1 failed for good/);
    expect((await relvar('jobs', 'list', '--state', 'FAILED', '--workspace', 'cli-test')).out).not.toContain(
      'SCHEDULED',
    );
    expect(JSON.parse((await relvar('jobs', 'list', '--json', '--limit', '1')).out)).toMatchObject({ id: later });
    expect(await relvar('jobs', 'retry', '--failed')).toMatchObject({ code: 0, out: '1 tried again\n' });
    expect(await relvar('jobs', 'cancel', failed, later)).toMatchObject({ code: 0, out: '2 cancelled\n' });
    expect((await relvar('jobs', 'list')).err).toContain('no such jobs');
  });

  test('to do nothing in particular, or with no number, is refused', async () => {
    expect(await relvar('jobs', 'cancel')).toMatchObject({ code: 1, err: expect.stringContaining('Say which jobs') });
    expect((await relvar('jobs', 'retry', 'x')).err).toContain('whole number');
    expect((await relvar('jobs', 'list', '--state', 'DONE')).err).toContain('FAILED');
  });
});

describe('webhooks', () => {
  let hook: string;
  beforeAll(async () => {
    expect((await relvar('webhooks', 'list', '--workspace', 'cli-test')).err).toContain('no webhooks');
    const { rows } = await db.admin.query<{ id: string }>(
      `insert into metadata.webhooks (workspace_id, name, target_url, events)
       select id, 'ERP', 'https://erp.example/hook', '{company.*}' from core.workspaces where slug = 'cli-test' returning id`,
    );
    hook = rows[0]!.id;
  });

  test('are listed and shown, by id or by name, with how they fare', async () => {
    expect((await relvar('webhooks', 'list')).out).toMatch(
      new RegExp(`${hook}\\s+cli-test\\s+ERP\\s+https://erp.example/hook\\s+company\\.\\*\\s+NEW`),
    );
    for (const name of [hook, 'ERP'])
      expect(JSON.parse((await relvar('webhooks', 'show', name)).out)).toMatchObject({
        id: hook,
        role: 'Admin',
        format: 'STANDARD',
        health: { state: 'NEW' },
      });
    expect(await relvar('webhooks', 'show', 'nothing')).toMatchObject({
      code: 1,
      err: expect.stringContaining('There is no webhook "nothing"'),
    });
  });

  test('are tested, and the answer is told', async () => {
    const testing = relvar('webhooks', 'test', 'ERP');
    // As the worker would.
    for (let answered: number | null = 0; !answered;)
      answered = (
        await db.admin.query(
          `update engine.webhook_deliveries set state = 'DELIVERED', status = 204, duration_ms = 12 where webhook_id = $1 and kind = 'TEST'`,
          [hook],
        )
      ).rowCount;
    expect(await testing).toMatchObject({ code: 0, out: 'Answered 204 after 12 ms.\n' });
  });

  test('are replayed, and say what they sent', async () => {
    await db.admin.query(
      `insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, state, status, error, request)
       select id, workspace_id, 'EVENT', '1-1', 'company.created', 'DEAD', 500, 'Answered 500.', '{"body": "sent"}' from metadata.webhooks where id = $1`,
      [hook],
    );
    const dead = await relvar('webhooks', 'deliveries', 'ERP', '--state', 'DEAD');
    expect(dead.out).toMatch(/company\.created\s+DEAD\s+0\s+500\s+.*Answered 500\./);
    const [line] = (await relvar('webhooks', 'deliveries', 'ERP', '--json', '--state', 'DEAD')).out.split('\n');
    const { id, request } = JSON.parse(line!) as { id: string; request: object };
    expect(request).toEqual({ body: 'sent' });
    expect((await relvar('webhooks', 'replay', 'ERP', '--delivery', id)).out).toMatch(/^1 sent again/);
    expect((await relvar('webhooks', 'deliveries', 'ERP', '--state', 'DEAD')).err).toContain('no such deliveries');
    expect((await relvar('webhooks', 'replay', 'ERP', '--since', '2020-01-01T00:00Z', '--only-dead')).out).toMatch(
      /^0 /,
    );
    expect((await relvar('webhooks', 'replay', 'ERP')).err).toContain('Say what to send again');
    expect((await relvar('webhooks', 'replay', 'ERP', '--since', 'long ago')).err).toContain('It must be a moment');
  });

  test('get another secret, beside which the former is good for a while', async () => {
    const own = 'whsec_0123456789abcdef0123456789abcdef';
    expect((await relvar('webhooks', 'rotate', 'ERP', '--secret', own)).out).toBe(`${own}\n`);
    const fresh = (await relvar('webhooks', 'rotate', 'ERP', '--overlap', '1')).out.trim();
    expect(fresh).toMatch(/^whsec_/);
    const { rows } = await db.admin.query<{ sealed: string }>(
      'select sealed from core.webhook_secrets where webhook_id = $1 order by expires_at nulls first',
      [hook],
    );
    const secrets = new Secrets(SECRET);
    expect(rows.map(({ sealed }) => secrets.unseal(sealed, webhookSecretPurpose(hook)))).toEqual([fresh, own]);
    expect((await relvar('webhooks', 'rotate', 'ERP', '--secret', 'short')).err).toContain('at least 16 characters');
  });
});
