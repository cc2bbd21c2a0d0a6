import { createHmac, randomBytes } from 'node:crypto';

export type Format = 'STANDARD' | 'TWENTY';

export interface Message {
  id: string;
  body: string;
}

/** The bytes that a secret stands for: those behind whsec_, or, of one that came from elsewhere, the text itself. */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
}

/**
 * The headers that say who speaks. After a rotation there are two secrets, the present one first. Standard Webhooks has room
 * for both signatures; Twenty's header for one, that of the present secret.
 */
export function signatureHeaders(
  format: Format,
  { id, body }: Message,
  secrets: string[],
  now = Date.now(),
): Record<string, string> {
  if (format === 'TWENTY') {
    const timestamp = String(now);
    const signature = createHmac('sha256', secrets[0]!).update(`${timestamp}:${body}`).digest('hex');
    return {
      'webhook-id': id,
      'x-twenty-webhook-timestamp': timestamp,
      'x-twenty-webhook-signature': signature,
      'x-twenty-webhook-nonce': randomBytes(16).toString('hex'),
    };
  }
  const timestamp = String(Math.floor(now / 1000));
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')}`,
  );
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
