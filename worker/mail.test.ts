import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { simpleParser, type ParsedMail } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { useDatabase } from '../db/testing/database.ts';
import { compose } from './mail/compose.ts';
import { TEMPLATES } from './mail/templates.ts';
import { startWorker } from './start.ts';
import { SECRETS } from './testing/receiver.ts';

const db = useDatabase();
const PUBLIC_URL = 'https://crm.acme.test';

interface OutboxRow {
  subject: string | null;
  html: string | null;
  body_text: string | null;
  props: object;
  attempts: number;
  sent_at: Date | null;
  kept_at: Date | null;
  failed_at: Date | null;
  error: string | null;
}

async function queue(to: string, template: string, props: object = {}): Promise<string> {
  const { rows } = await db.admin.query<{ id: string }>('select core.queue_mail($1, $2, $3) as id', [
    to,
    template,
    props,
  ]);
  return rows[0]!.id;
}

async function outbox(id: string): Promise<OutboxRow> {
  const { rows } = await db.admin.query<OutboxRow>('select * from core.mail_outbox where id = $1', [id]);
  return rows[0]!;
}

async function until<T>(what: string, look: () => Promise<T | false> | T | false): Promise<T> {
  for (let waited = 0; waited < 15_000; waited += 50) {
    const found = await look();
    if (found !== false) return found;
    await delay(50);
  }
  throw new Error(`Waited in vain until ${what}.`);
}

/** What graphile-worker would do seconds later, now. */
const hurry = () =>
  db.admin.query(
    `select graphile_worker.reschedule_jobs(array(
       select id from graphile_worker.jobs where locked_at is null and run_at > now() and attempts < max_attempts), now())`,
  );
const jobs = async () => (await db.admin.query('select from graphile_worker.jobs')).rowCount;

describe('where no SMTP server is configured', () => {
  let worker: ReturnType<typeof startWorker>;
  beforeAll(() => {
    worker = startWorker({
      url: db.workerUrl,
      concurrency: 2,
      mail: { smtpUrl: null, from: null, publicUrl: PUBLIC_URL },
      secrets: SECRETS,
    });
  });
  afterAll(() => worker.stop());

  test('a mail is written and kept', async () => {
    const id = await queue('ada@acme.test', 'reset_password', { token: 'abc123' });
    const kept = await until('it is kept', async () => {
      const row = await outbox(id);
      return row.kept_at !== null && row;
    });
    expect(kept.subject).toBe('Set a new password');
    expect(kept.html).toContain(`href="${PUBLIC_URL}/reset-password#abc123"`);
    expect(kept.body_text).toContain(`${PUBLIC_URL}/reset-password#abc123`);
    expect(kept).toMatchObject({ sent_at: null, failed_at: null, props: {} });
  });

  test('links lead to the domain of the workspace, as long as that is its address', async () => {
    const { rows } = await db.admin.query<{ id: string }>(
      `select engine.create_workspace('acme', 'Acme', 'owner@acme.test') as id`,
    );
    const workspaceId = rows[0]!.id;
    const linkOf = async () => {
      const values = ['ada@acme.test', 'invitation', { token: 'abc123' }, workspaceId];
      const made = await db.admin.query<{ id: string }>('select core.queue_mail($1, $2, $3, $4) as id', values);
      const kept = await until('it is kept', async () => {
        const row = await outbox(made.rows[0]!.id);
        return row.kept_at !== null && row;
      });
      return /href="(https:[^"]+#abc123)"/.exec(kept.html!)?.[1];
    };
    const given = await linkOf();
    expect(given).toMatch(/^https:\/\/crm\.acme\.test\//);
    await db.admin.query(
      `insert into core.workspace_domains (workspace_id, host, token, is_primary, proved_at) values ($1, 'sales.acme.example', 'x', true, now())`,
      [workspaceId],
    );
    expect(await linkOf()).toBe(given!.replace('crm.acme.test', 'sales.acme.example'));
    await db.admin.query('update core.workspace_domains set is_primary = false');
    expect(await linkOf()).toBe(given);
  });

  test('a template that does not exist is given up at once, with the reason', async () => {
    const id = await queue('ada@acme.test', 'love_letter');
    const row = await until('it is given up', async () => {
      const found = await outbox(id);
      return found.failed_at !== null && found;
    });
    expect(row.error).toBe('There is no mail template "love_letter".');
    await until('no job is left', async () => (await jobs()) === 0);
  });
});

describe('through an SMTP server', () => {
  const received: ParsedMail[] = [];
  /** How often an address is still answered that its mailbox is busy. */
  const busy = new Map<string, number>();
  let attempts = 0;
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo({ address }, _session, done) {
      attempts++;
      const left = busy.get(address) ?? 0;
      busy.set(address, left - 1);
      const refusal = (message: string, responseCode: number) => Object.assign(new Error(message), { responseCode });
      if (address.startsWith('nobody@')) done(refusal('No such mailbox', 550));
      else if (left > 0) done(refusal('Try again later', 450));
      else done();
    },
    async onData(stream, _session, done) {
      received.push(await simpleParser(stream));
      done();
    },
  });
  let worker: ReturnType<typeof startWorker>;
  const arrived = (to: string) => received.filter((mail) => [mail.to].flat()[0]?.text === to);

  beforeAll(async () => {
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
    const { port } = smtp.server.address() as AddressInfo;
    const from = 'Acme CRM <crm@acme.test>';
    const mail = { smtpUrl: `smtp://127.0.0.1:${port}`, from, publicUrl: PUBLIC_URL };
    worker = startWorker({ url: db.workerUrl, concurrency: 2, mail, secrets: SECRETS });
  });
  afterAll(async () => {
    await worker.stop();
    await new Promise<void>((resolve) => smtp.close(resolve));
  });

  test('a mail arrives with both parts, and its letter is forgotten', async () => {
    const id = await queue('ada@acme.test', 'invitation', { token: 'tok', invitedBy: 'Grace Hopper' });
    const mail = await until('it arrives', () => arrived('ada@acme.test')[0] ?? false);
    expect(mail.from?.text).toBe('"Acme CRM" <crm@acme.test>');
    expect(mail.subject).toBe('Grace Hopper invites you to a workspace');
    expect(mail.messageId).toBe(`<${id}@acme.test>`);
    expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
    expect(mail.html).toContain(`${PUBLIC_URL}/join#tok`);
    expect(mail.text).toContain(`${PUBLIC_URL}/join#tok`);
    const row = await until('it is noted', async () => {
      const found = await outbox(id);
      return found.sent_at !== null && found;
    });
    expect(row).toMatchObject({ subject: mail.subject, html: null, body_text: null, props: {}, attempts: 1 });
  });

  test('one that was sent is not sent again, though its job comes again', async () => {
    const id = await queue('once@acme.test', 'magic_link', { token: 'tok' });
    await until('it is sent', async () => (await outbox(id)).sent_at !== null);
    await db.admin.query(`select graphile_worker.add_job('mail__send', json_build_object('id', $1::text))`, [id]);
    await until('the job is done', async () => (await jobs()) === 0);
    expect(arrived('once@acme.test')).toHaveLength(1);
  });

  test('a busy mailbox gets its mail at a later attempt, once', async () => {
    busy.set('busy@acme.test', 2);
    const id = await queue('busy@acme.test', 'magic_link', { token: 'tok' });
    await until('it arrives', async () => (await hurry(), arrived('busy@acme.test').length > 0));
    await until('the job is done', async () => (await jobs()) === 0);
    expect(arrived('busy@acme.test')).toHaveLength(1);
    expect(await outbox(id)).toMatchObject({ attempts: 3, error: null, failed_at: null });
  });

  test('a mailbox that does not exist is not tried again', async () => {
    const before = attempts;
    const id = await queue('nobody@acme.test', 'magic_link', { token: 'secret' });
    await until('the job is done', async () => (await jobs()) === 0);
    const row = await outbox(id);
    expect(row.failed_at).not.toBeNull();
    expect(row.error).toContain('No such mailbox');
    expect(row.props).toEqual({});
    expect(attempts).toBe(before + 1);
  });

  test('the last attempt is recorded as the failure', async () => {
    busy.set('full@acme.test', 100);
    const id = await queue('full@acme.test', 'magic_link', { token: 'tok' });
    await until('the first attempt', async () => (await outbox(id)).attempts === 1);
    await until('the job is free again', async () => {
      const { rowCount } = await db.admin.query(
        'update graphile_worker._private_jobs set attempts = 9 where locked_at is null and attempts = 1',
      );
      return rowCount === 1;
    });
    await until('it is given up', async () => (await hurry(), (await outbox(id)).failed_at !== null));
    expect(await outbox(id)).toMatchObject({ attempts: 2, error: expect.stringContaining('Try again later') });
    await until('no job is left', async () => (await jobs()) === 0);
  });

  test('a transaction that is rolled back sends nothing', async () => {
    await db.inTransaction((client) => client.query(`select core.queue_mail('ghost@acme.test', 'magic_link', '{}')`));
    await queue('after@acme.test', 'magic_link', { token: 'tok' });
    await until('the next one arrives', () => arrived('after@acme.test').length > 0);
    expect(arrived('ghost@acme.test')).toEqual([]);
  });
});

test('no address can hold a second one, or a header', async () => {
  for (const address of [
    'ada@acme.test, eve@evil.test',
    'ada@acme.test\nBcc: eve@evil.test',
    'eve,ada@acme.test',
    '<ada@acme.test>',
    'ada',
    '',
  ])
    await expect(queue(address, 'magic_link')).rejects.toMatchObject({ code: 'RV043' });
});

test('the time zone is that of the reader in the workspace, or else where they were last', async () => {
  const { admin } = db;
  for (const slug of ['zone', 'elsewhere'])
    await admin.query('select engine.create_workspace($1, $1, $2)', [slug, 'reader@zone.test']);
  const set = async (slug: string, zone: string) => {
    const { rows } = await admin.query('select schema_name from core.workspaces where slug = $1', [slug]);
    await admin.query(`update ${rows[0].schema_name}.workspace_members set time_zone = $1`, [zone]);
  };
  const zoneOf = async (slug: string | null, to = 'reader@zone.test', props = {}) => {
    const queued = await admin.query<{ id: string }>(
      `select core.queue_mail($1, 'new_sign_in', $3, (select id from core.workspaces where slug = $2)) as id`,
      [to, slug, props],
    );
    return (await admin.query('select time_zone from core.mail_to_send($1)', [queued.rows[0]!.id])).rows[0].time_zone;
  };
  expect(await zoneOf('zone')).toBeNull();
  await set('zone', 'Asia/Kolkata');
  expect(await zoneOf('zone')).toBe('Asia/Kolkata');
  expect(await zoneOf(null)).toBe('Asia/Kolkata');
  await set('elsewhere', 'America/Lima');
  expect(await zoneOf('elsewhere')).toBe('America/Lima');
  expect(await zoneOf('zone')).toBe('Asia/Kolkata');
  await admin.query(
    `insert into core.sessions (user_id, workspace_id, method, expires_at)
     select u.id, w.id, 'PASSWORD', now() + interval '1 day' from core.users u, core.workspaces w where u.email = 'reader@zone.test' and w.slug = 'elsewhere'`,
  );
  expect(await zoneOf(null)).toBe('America/Lima');
  // The former address is told, too.
  expect(await zoneOf('zone', 'former@zone.test', { email: 'reader@zone.test' })).toBe('Asia/Kolkata');
  expect(await zoneOf('zone', 'stranger@zone.test')).toBeNull();
});

test('a mail is in the language of its reader, by the account that has the address or is about to have another', async () => {
  await db.admin.query(
    `insert into core.users (email, name, locale) values ('ana@lengua.test', 'Ana', 'es'), ('new@lengua.test', 'Neu', 'de')`,
  );
  const languageOf = async (...[to, props]: [string, object?]) => {
    const id = await queue(to, 'email_changed', props);
    const { rows } = await db.admin.query<{ locale: string }>('select locale from core.mail_outbox where id = $1', [
      id,
    ]);
    return rows[0]!.locale;
  };
  expect(await languageOf('Ana@lengua.test')).toBe('es');
  expect(await languageOf('old@lengua.test', { email: 'new@lengua.test' })).toBe('de');
  expect(await languageOf('stranger@lengua.test')).toBe('en');
});

describe('the templates', () => {
  const props = {
    token: 'tok',
    invitedBy: '<b>Eve</b>\r\nBcc: x@y.test https://evil.test/win',
    requestedBy: 'Eve',
    domain: 'acme.test',
    email: 'new@acme.test',
    formerEmail: 'old@acme.test',
    device: 'Firefox on Linux',
    ipAddress: '203.0.113.7',
    happenedAt: '2026-11-23T09:30:00Z',
  };
  const context = { publicUrl: PUBLIC_URL, workspaceName: 'Acme', locale: 'en', timeZone: null };

  test.each(Object.keys(TEMPLATES))('%s says the same in both parts, and leads nowhere else', async (template) => {
    const mail = await compose(template, props, context);
    expect(mail.subject).not.toMatch(/[\r\n]/);
    expect(mail.html).toContain('prefers-color-scheme: dark');
    const links = [...mail.html.matchAll(/href="([^"]*)"/g)].map(([, url]) => url!);
    expect(links.every((url) => url.startsWith(`${PUBLIC_URL}/`))).toBe(true);
    for (const url of links) expect(mail.text).toContain(url);
    for (const part of [mail.subject, mail.html, mail.text]) {
      expect(part).not.toMatch(/undefined|null|\[object|NaN/);
      expect(part).not.toContain('https://evil');
      expect(part).not.toContain('<b>Eve');
    }
  });

  test('they tell the device and the time', async () => {
    const { text } = await compose('new_sign_in', props, context);
    expect(text).toMatch(/Firefox on Linux[^]*203\.0\.113\.7[^]*November 23, 2026 at 9:30\sAM UTC/);
    const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0';
    const known = await compose('password_changed', { ...props, device: undefined, userAgent: agent }, context);
    expect(known.text).toContain('Firefox on Linux');
  });

  test('times are those of the reader, with the name of the zone', async () => {
    const at = async (timeZone: string) => (await compose('new_sign_in', props, { ...context, timeZone })).text;
    expect(await at('Asia/Kolkata')).toMatch(/November 23, 2026 at 3:00\sPM \(Asia\/Kolkata\)/);
    expect(await at('posixrules')).toMatch(/9:30\sAM UTC/);
  });

  test.each(['de', 'fr', 'es'])('all are written in %s, and nothing of them is left in English', async (locale) => {
    for (const template of Object.keys(TEMPLATES)) {
      const [english, mail] = await Promise.all([
        compose(template, props, context),
        compose(template, props, { ...context, locale }),
      ]);
      expect(mail.html).toContain(`lang="${locale}"`);
      // Sentences, by which no name and no address is meant.
      const sentences = english.text.split('\n').filter((line) => / \w+ \w+ /.test(line) && line.endsWith('.'));
      expect(sentences.filter((line) => mail.text.includes(line))).toEqual([]);
      expect(mail.subject).not.toBe(english.subject);
    }
  });

  test('a mail reads as its language is written, with dates and sentences', async () => {
    const german = { ...context, locale: 'de-AT', timeZone: 'Europe/Vienna' };
    const signIn = await compose('new_sign_in', props, german);
    expect(signIn.subject).toBe('Neue Anmeldung an Ihrem Konto');
    expect(signIn.text).toMatch(/Firefox auf Linux[^]*23\. November 2026 um 10:30 \(Europe\/Vienna\)/);
    const items = [
      { kind: 'TASK_DUE', label: 'Angebot schicken', detail: { state: 'OVERDUE' } },
      { kind: 'MENTION', actorName: 'Ada', detail: { count: 3 } },
    ];
    const digest = await compose('notifications', { items, total: 2 }, german);
    expect(digest.subject).toBe('2 Benachrichtigungen von Acme');
    expect(digest.text).toContain('Angebot schicken ist überfällig');
    expect(digest.text).toContain('Ada hat Sie in 3 Datensätzen erwähnt');
    // Mails are not written in Nepali: then also their dates are English.
    const nepali = await compose('new_sign_in', props, { ...context, locale: 'ne' });
    expect(nepali.text).toContain('November 23, 2026');
  });

  test.each(['PASSKEY_ADDED', 'PASSKEY_REMOVED', 'SECOND_FACTOR_ON', 'SECOND_FACTOR_OFF', 'RECOVERY_CODES_MADE'])(
    'the owner is told in words of their own of %s',
    async (change) => {
      const mail = await compose('sign_in_changed', { ...props, change, name: 'Laptop' }, context);
      expect(mail.subject).not.toContain('How you sign in');
      expect(mail.text.includes('“Laptop”')).toBe(change.startsWith('PASSKEY'));
    },
  );
});
