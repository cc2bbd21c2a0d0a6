import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { selfSign } from '../db/saml/selfSign.ts';
import { useDatabase } from '../db/testing/database.ts';
import { createWorkspace } from '../db/testing/workspace.ts';
import { startWorker } from './start.ts';
import { SECRETS } from './testing/receiver.ts';

/** The daily task over SAML providers, with metadata at an address of this machine. */

const db = useDatabase();
const DAY = 86_400_000;
const ENTITY = 'https://idp.example/metadata';
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
/** One that lasts for so many days from now. */
const certificateFor = (days: number, serial = 0) => {
  const ends = new Date(Date.now() + days * DAY - serial * 1000);
  ends.setUTCFullYear(ends.getUTCFullYear() - 20);
  return selfSign('idp', keys, ends);
};
const [OLD, NEW, SHORT] = [certificateFor(3_000), certificateFor(3_000, 1), certificateFor(10)];

let worker: ReturnType<typeof startWorker>;
let workspaceId: string;
let address: string;
let page = { status: 200, body: '' };
const server = createServer((_request, response) => response.writeHead(page.status).end(page.body));

const metadata = (certificates: string[], entityId = ENTITY, url = 'https://idp.example/sso') =>
  `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${entityId}"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">${certificates
    .map(
      (each) =>
        `<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>${each}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`,
    )
    .join(
      '',
    )}<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="${url}"/></IDPSSODescriptor></EntityDescriptor>`;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metadata`;
  workspaceId = (await createWorkspace(db.admin)).id;
  worker = startWorker({
    secrets: SECRETS,
    url: db.workerUrl,
    concurrency: 2,
    mail: { smtpUrl: null, from: null, publicUrl: 'https://crm.acme.test' },
    providers: { allowsPrivate: false, allowsLoopback: true },
  });
  db.onEnd(async () => {
    await worker.stop();
    await new Promise((resolve) => server.close(resolve));
  });
});

interface Provider {
  settings: { certificates: string[]; signInUrl: string; entityId: string };
  read_at: Date | null;
  failure: string | null;
}
const read = async (id: string): Promise<Provider> =>
  (
    await db.admin.query<Provider>(
      'select p.settings, m.read_at, m.failure from core.identity_providers p left join core.saml_metadata m on m.provider_id = p.id where p.id = $1',
      [id],
    )
  ).rows[0]!;

async function addProvider(settings: object): Promise<string> {
  const { rows } = await db.admin.query<{ id: string }>(
    `insert into core.identity_providers (workspace_id, kind, label, slug, is_enabled, settings)
     values ($1, 'SAML', 'Acme login', 'p' || substr(md5(random()::text), 1, 8), true, $2) returning id`,
    [
      workspaceId,
      {
        entityId: ENTITY,
        signInUrl: 'https://idp.example/sso',
        certificates: [OLD],
        metadataUrl: address,
        ...settings,
      },
    ],
  );
  return rows[0]!.id;
}

async function refresh(): Promise<void> {
  const { rows } = await db.admin.query<{ id: string }>("select id from graphile_worker.add_job('saml__refresh')");
  for (let waited = 0; waited < 15_000; waited += 50) {
    const { rowCount } = await db.admin.query('select from graphile_worker.jobs where id = $1', [rows[0]!.id]);
    if (rowCount === 0) return;
    await delay(50);
  }
  throw new Error('The task did not end.');
}

test('certificates and the address are taken over, and the audit says so', async () => {
  const id = await addProvider({});
  page = { status: 200, body: metadata([OLD, NEW], ENTITY, 'https://idp.example/sso2') };
  await refresh();
  const changed = await read(id);
  expect(changed.settings).toMatchObject({ certificates: [OLD, NEW], signInUrl: 'https://idp.example/sso2' });
  expect(changed).toMatchObject({ read_at: expect.any(Date), failure: null });
  await refresh();
  const { rows } = await db.admin.query(
    "select detail from core.auth_events where kind = 'PROVIDER_CHANGED' order by id",
  );
  expect(rows).toEqual([
    { detail: { provider: 'Acme login', by: 'METADATA', changed: ['signInUrl', 'certificates'] } },
  ]);
});

test.each([
  ['is not there', { status: 404, body: '' }, 'answered 404'],
  ['leads elsewhere', { status: 302, body: '' }, 'answered 302'],
  ['is a page', { status: 200, body: '<html></html>' }, 'not SAML metadata'],
  ['has entities', { status: 200, body: '<!DOCTYPE x>' }, 'document type'],
  [
    'sends people where nobody should go',
    { status: 200, body: metadata([NEW], ENTITY, 'http://idp.example/') },
    'https:// address',
  ],
  ['is of another provider', { status: 200, body: metadata([NEW], 'https://evil.example') }, 'of another provider'],
])('metadata that %s changes nothing, and the failure is kept', async (_what, answer, failure) => {
  const id = await addProvider({});
  page = answer;
  await refresh();
  expect((await read(id)).failure).toMatch(failure);
  expect((await read(id)).settings.certificates).toEqual([OLD]);
  page = { status: 200, body: metadata([OLD]) };
  await refresh();
  expect(await read(id)).toMatchObject({ failure: null, read_at: expect.any(Date) });
});

test('an address in the private network is not asked', async () => {
  const id = await addProvider({ metadataUrl: 'https://10.0.0.1/metadata' });
  await refresh();
  expect((await read(id)).failure).toMatch('not an address of the public network');
});

test('who keeps the sign-in is told once of a last certificate that is about to end', async () => {
  const id = await addProvider({ certificates: [SHORT], metadataUrl: null });
  await addProvider({ certificates: [SHORT, NEW], metadataUrl: null });
  await refresh();
  await refresh();
  const { rows: events } = await db.admin.query(
    "select detail from core.auth_events where kind = 'PROVIDER_CERTIFICATE_EXPIRES'",
  );
  expect(events).toHaveLength(1);
  const { rows: mails } = await db.admin.query(
    "select to_address from core.mail_outbox where template = 'certificate_expires'",
  );
  expect(mails).toEqual([{ to_address: 'owner@acme.example' }]);
  expect((await read(id)).settings.certificates).toEqual([SHORT]);
});

test('assertions that nobody would accept any more are forgotten', async () => {
  const id = await addProvider({});
  await db.admin.query(
    `insert into core.saml_assertions (provider_id, id_hash, good_until, received_at, ticket_hash) values
     ($1, 'old', now() - interval '1 minute', now() - interval '1 hour', 'a'), ($1, 'new', now() + interval '1 minute', now(), 'b')`,
    [id],
  );
  await refresh();
  const { rows } = await db.admin.query("select convert_from(id_hash, 'UTF8') as id from core.saml_assertions");
  expect(rows).toEqual([{ id: 'new' }]);
});
