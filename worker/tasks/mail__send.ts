import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import type { MailConfig } from '../../db/config.ts';
import type { FileStore } from '../../db/files/store.ts';
import { domainUrl, workspaceUrl } from '../../db/workspaceAddress.ts';
import { log, messageOf } from '../log.ts';
import { compose, UnknownTemplate } from '../mail/compose.ts';
import { MailRefused, Smtp, type Attachment } from '../mail/transport.ts';
import { task, uuid } from '../task.ts';

interface Mail {
  to_address: string;
  template: string;
  props: Record<string, unknown>;
  locale: string;
  workspace_name: string | null;
  workspace_slug: string | null;
  time_zone: string | null;
}

/**
 * Writes a mail of the outbox and sends it, or keeps it where no SMTP server is configured. What fails for a while throws,
 * and graphile-worker tries again, later each time; what will always fail, and the last attempt, is recorded as failed.
 */
export function mailSend(engine: Pool, settings: MailConfig, files?: FileStore): Task {
  const smtp = settings.smtpUrl === null ? null : new Smtp(settings.smtpUrl, settings.from ?? '');
  return task({ id: uuid }, async ({ id }, helpers) => {
    const { rows } = await engine.query<Mail>('select * from core.mail_to_send($1)', [id]);
    const mail = rows[0];
    // It was sent by an attempt that died before it could say so, or its workspace is gone.
    if (!mail) return;
    try {
      const { locale, workspace_name: workspaceName, workspace_slug: slug, time_zone: timeZone } = mail;
      const publicUrl = await addressOf(engine, settings.publicUrl, slug);
      const composed = await compose(mail.template, mail.props, { publicUrl, workspaceName, locale, timeZone });
      if (smtp === null) {
        const values = [id, composed.subject, composed.html, composed.text];
        await engine.query('select core.note_mail_kept($1, $2, $3, $4)', values);
        return;
      }
      await smtp.send(id, mail.to_address, composed, await attachmentsOf(mail.props, files));
      await engine.query('select core.note_mail_sent($1, $2)', [id, composed.subject]);
    } catch (error) {
      const isFinal =
        error instanceof MailRefused ||
        error instanceof UnknownTemplate ||
        helpers.job.attempts >= helpers.job.max_attempts;
      await engine.query('select core.note_mail_failure($1, $2, $3)', [id, messageOf(error), isFinal]);
      if (!isFinal) throw error;
      log('mail given up', { id, template: mail.template, error: messageOf(error) });
    }
  });
}

/** A file of the store that goes with a mail. It is small, or the mail would have a link in its place. */
async function attachmentsOf({ attachment }: Record<string, unknown>, files?: FileStore): Promise<Attachment[]> {
  if (typeof attachment !== 'object' || attachment === null) return [];
  const { workspaceId, fileId, name, type } = attachment as { [name: string]: string };
  if (!files) throw new Error('There is no store of files to attach one from.');
  const content = await files.read({ workspaceId: workspaceId!, fileId: fileId! });
  return [{ filename: name!, contentType: type!, content }];
}

/** Where the workspace of a mail is reached now; without a workspace, what belongs to none. */
async function addressOf(engine: Pool, publicUrl: string, slug: string | null): Promise<string> {
  const { rows } = await engine.query<{ host: string | null }>('select core.primary_domain($1) as host', [slug]);
  const host = rows[0]!.host;
  return host === null ? workspaceUrl(publicUrl, slug) : domainUrl(publicUrl, host);
}
