import type { Readable } from 'node:stream';
import { createTransport, type Transporter } from 'nodemailer';
import type { ComposedMail } from './compose.ts';

/** The server will never take this mail: there is no such mailbox, or it wants none of ours. */
export class MailRefused extends Error {}

export interface Attachment {
  filename: string;
  contentType: string;
  content: Readable;
}

/** Codes with which nodemailer marks what belongs to one mail; the rest is about the connection, and passes. */
const ABOUT_THE_MAIL = new Set(['EENVELOPE', 'EMESSAGE']);

export class Smtp {
  readonly #transport: Transporter;
  readonly #from: string;

  constructor(smtpUrl: string, from: string) {
    this.#from = from;
    this.#transport = createTransport({
      url: smtpUrl,
      connectionTimeout: 15_000,
      greetingTimeout: 15_000,
      socketTimeout: 30_000,
      // A letter is made here; nothing in it is to be read from a file or fetched.
      disableFileAccess: true,
      disableUrlAccess: true,
    } as Parameters<typeof createTransport>[0]);
  }

  /** The same mail has the same Message-ID however often it is tried, so that a mailbox that got it twice shows it once. */
  async send(id: string, toAddress: string, mail: ComposedMail, attachments: Attachment[] = []): Promise<void> {
    const domain = /@([^@\s>]+)>?\s*$/.exec(this.#from)?.[1] ?? 'localhost';
    try {
      await this.#transport.sendMail({
        from: this.#from,
        // Given as an object, so that nothing in the address can make two of it.
        to: { name: '', address: toAddress },
        subject: mail.subject,
        html: mail.html,
        text: mail.text,
        attachments,
        messageId: `<${id}@${domain}>`,
        headers: { 'auto-submitted': 'auto-generated', 'x-auto-response-suppress': 'All' },
      });
    } catch (error) {
      const { code, responseCode } = error as { code?: string; responseCode?: number };
      if (code !== undefined && ABOUT_THE_MAIL.has(code) && responseCode !== undefined && responseCode >= 500)
        throw new MailRefused((error as Error).message, { cause: error });
      throw error;
    }
  }
}
