import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createPool, identitySettings, type Identity } from '../../db/pool.ts';
import { Secrets } from '../../db/secrets.ts';
import { makeApp } from '../app.ts';
import { sendWithSettings } from '../gateway/pgClient.ts';

/**
 * The application as it is, and beside it, in the same process and on the same pool, the handler that it
 * is measured against: hand-written SQL that answers with JSON text, under the same role and policies,
 * with the same pipelined round trip. It knows its caller beforehand, which the application finds out.
 */
export interface ListServerTask {
  readonly serverUrl: string;
  readonly identity: Identity;
}

const REFERENCE = `
  select coalesce(json_agg(json_build_object(
      'id', p.id, 'nameFirstName', p.name_first_name, 'nameLastName', p.name_last_name,
      'emailsPrimaryEmail', p.emails_primary_email, 'phonesPrimaryPhoneNumber', p.phones_primary_phone_number,
      'jobTitle', p.job_title, 'city', p.city, 'createdAt', p.created_at,
      'company', case when c.id is null then null else json_build_object(
        'id', c.id, 'name', c.name, 'domainNamePrimaryLinkUrl', c.domain_name_primary_link_url) end)
    order by p.created_at desc, p.id desc), '[]')::text
  from (select * from people order by created_at desc, id desc limit $1) p
  left join companies c on c.id = p.company_id`;

process.once('message', (task: ListServerTask) => void serve(task));
process.once('disconnect', () => process.exit());

async function serve({ serverUrl, identity }: ListServerTask): Promise<void> {
  const pool = createPool({
    connectionString: serverUrl,
    applicationName: 'relvar bench server',
    max: 8,
  });
  const app = await makeApp({
    pool,
    serverUrl,
    secrets: new Secrets('benchmarks have nothing to hide'),
    webDirectory: '/nonexistent',
    development: false,
    pendingMigrations: () => Promise.resolve([]),
  });
  const settings = identitySettings(identity);
  const byHand = express();
  byHand.disable('x-powered-by').disable('etag');
  byHand.post('/reference', express.json(), async (request, response) => {
    const { first } = request.body as { first: number };
    const client = await pool.connect();
    try {
      const { rows } = await sendWithSettings(client, settings, {
        name: 'reference',
        text: REFERENCE,
        values: [first],
      });
      response.type('json').send(`{"data":{"people":{"nodes":${rows[0]![0]!}}}}`);
    } finally {
      client.release();
    }
  });
  const server = createServer((request, response) => {
    (request.url === '/reference' ? byHand : app.handler)(request, response);
  }).listen(0, '127.0.0.1', () => {
    process.send!({ port: (server.address() as AddressInfo).port });
  });
}
