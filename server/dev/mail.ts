import type { Express, Request } from 'express';
import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';

interface Mail {
  id: string;
  to_address: string;
  template: string;
  subject: string | null;
  html: string | null;
  body_text: string | null;
  queued_at: Date;
  kept_at: Date | null;
  error: string | null;
}

/**
 * Shows the mails that nothing sends, in development. They hold links that sign people in, so the page is for
 * whoever sits at this machine alone: not for other addresses, nor for a page of another site whose name leads here.
 */
export function installDevMail(app: Express, pool: Pool): void {
  const find = async (request: Request): Promise<Mail[]> => {
    assertLocal(request);
    const { rows } = await pool.query<Mail>('select * from core.kept_mail()');
    return rows;
  };

  app.get('/dev/mail', async (request, response) => {
    const mails = await find(request);
    response.setHeader('content-security-policy', CONTENT_SECURITY_POLICY);
    response.setHeader('cache-control', 'no-store');
    response.type('html').send(listPage(mails));
  });

  app.get('/dev/mail/:id', async (request, response) => {
    const mail = (await find(request)).find(({ id }) => id === request.params.id);
    if (!mail?.html) throw new RequestError('NOT_FOUND');
    response.setHeader('content-security-policy', CONTENT_SECURITY_POLICY);
    response.setHeader('cache-control', 'no-store');
    response.type('html').send(mailPage(mail, request.query['part'] === 'text'));
  });
}

const CONTENT_SECURITY_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'";

function assertLocal(request: Request): void {
  const isHere = ['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(request.ip ?? '');
  const isNamedSo = ['localhost', '127.0.0.1', '[::1]'].includes(request.hostname);
  if (!isHere || !isNamedSo) throw new RequestError('NOT_FOUND');
}

const STYLE = `
  :root { color-scheme: light dark; --ink: #232321; --dim: #62625d; --line: #e4e4e0; --page: #ffffff; --link: #0f6b57; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e4e5e3; --dim: #a0a3a0; --line: #2a2d2c; --page: #131514; --link: #72c3aa; }
  }
  * { box-sizing: border-box; }
  body { margin: 0; color: var(--ink); background: var(--page); font: 14px/1.5 system-ui, sans-serif; }
  header { display: flex; gap: 8px 20px; flex-wrap: wrap; align-items: baseline; padding: 14px 24px; border-bottom: 1px solid var(--line); }
  h1 { margin: 0; font-size: 16px; }
  p, time, .dim { color: var(--dim); }
  a { color: var(--link); }
  ul { margin: 0; padding: 0; list-style: none; }
  li { border-bottom: 1px solid var(--line); }
  li > * { display: grid; grid-template-columns: minmax(160px, 1fr) 2fr auto; gap: 16px; padding: 10px 24px; color: inherit; text-decoration: none; }
  li > a:hover, li > a:focus-visible { background: color-mix(in srgb, var(--link) 8%, transparent); }
  li strong { font-weight: 550; overflow-wrap: anywhere; }
  iframe { display: block; width: 100%; height: calc(100dvh - 53px); border: 0; background: #f7f7f5; }
  @media (prefers-color-scheme: dark) { iframe { background: #0e100f; } }
  pre { margin: 0; padding: 20px 24px; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.6 ui-monospace, monospace; }
  main > p { padding: 10px 24px; max-width: 44rem; }
  @media (max-width: 600px) { li > * { grid-template-columns: 1fr; gap: 0; } header, li > *, main > p { padding-inline: 16px; } }`;

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const page = (title: string, header: string, main: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8">` +
  `<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)}</title>` +
  `<style>${STYLE}</style></head><body><header>${header}</header><main>${main}</main></body></html>`;

function listPage(mails: Mail[]): string {
  const rows = mails.map((mail) => {
    const inside =
      `<span>${escape(mail.to_address)}</span><strong>${escape(mail.subject ?? mail.error ?? 'Being written …')}</strong>` +
      `<time>${mail.queued_at.toISOString().slice(0, 19).replace('T', ' ')} UTC</time>`;
    return mail.html === null
      ? `<li><span>${inside}</span></li>`
      : `<li><a href="/dev/mail/${mail.id}">${inside}</a></li>`;
  });
  const none = '<p>No mail yet. What Relvar would send shows here, as long as RELVAR_SMTP_URL is not set.</p>';
  return page(
    'Mail',
    '<h1>Mail that was not sent</h1><span class="dim">Only in development, only on this machine</span><a href="/">Relvar</a>',
    rows.length === 0 ? none : `<ul>${rows.join('')}</ul>`,
  );
}

function mailPage(mail: Mail, asText: boolean): string {
  const header =
    `<h1>${escape(mail.subject ?? '')}</h1><span class="dim">to ${escape(mail.to_address)}</span>` +
    `<a href="/dev/mail/${mail.id}${asText ? '' : '?part=text'}">${asText ? 'As a page' : 'As plain text'}</a>` +
    '<a href="/dev/mail">All mails</a>';
  // No scripts, but links may be followed: that is what the page is for.
  const sandbox = 'allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation';
  const html = (mail.html ?? '').replace('<head>', '<head><base target="_top">');
  const body = asText
    ? `<pre>${escape(mail.body_text ?? '').replaceAll(/https?:\/\/\S+/g, (url) => `<a href="${url}">${url}</a>`)}</pre>`
    : `<iframe title="The mail" sandbox="${sandbox}" srcdoc="${escape(html)}"></iframe>`;
  return page(mail.subject ?? 'Mail', header, body);
}
