import request from 'supertest';
import { useServer } from '../testing/server.ts';

const server = useServer();

test('mails that nothing sends are shown to whoever sits at the machine', async () => {
  const { rows } = await server.db.admin.query<{ id: string }>(
    `insert into core.mail_outbox (to_address, template, subject, html, body_text, kept_at)
     values ('ada@acme.test', 'magic_link', 'Your <link>', '<html><head></head><body>Click</body></html>', 'Go to https://crm.test/x', now())
     returning id`,
  );
  const get = (path: string, headers: Record<string, string> = {}) =>
    request(server.app.handler)
      .get(path)
      .set({ host: 'localhost:3000', ...headers });

  const list = await get('/dev/mail');
  expect(list.status).toBe(200);
  expect(list.text).toContain('Your &lt;link&gt;');
  expect(list.headers['content-security-policy']).toContain("default-src 'none'");
  const mail = await get(`/dev/mail/${rows[0]!.id}`);
  expect(mail.text).toContain('sandbox="allow-popups');
  expect((await get(`/dev/mail/${rows[0]!.id}?part=text`)).text).toContain('<a href="https://crm.test/x">');

  const foreign: Record<string, string>[] = [{ host: 'rebound.evil.test' }, { 'x-forwarded-for': '203.0.113.9' }];
  for (const headers of foreign) {
    const response = await get('/dev/mail', headers);
    expect(response.status).toBe(404);
    expect(response.text).not.toContain('ada@acme.test');
  }
});
