import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';

export type Format = 'STANDARD' | 'TWENTY';

export interface Message {
  id: string;
  body: string;
}

export type Sign = (message: Message, now?: number) => Record<string, string>;

/**
 * Writes the headers that say who speaks. After a rotation there are two secrets, the present one first. Standard Webhooks has room
 * for both signatures; Twenty's header for one, that of the present secret.
 */
export function signer(format: Format, secrets: string[]): Sign {
  // Keys are made once: from bytes, one costs more than the signature.
  if (format === 'TWENTY') {
    const key = createSecretKey(secrets[0]!, 'utf8');
    return ({ id, body }, now = Date.now()) => ({
      'webhook-id': id,
      'x-twenty-webhook-timestamp': String(now),
      'x-twenty-webhook-signature': createHmac('sha256', key).update(`${now}:${body}`).digest('hex'),
      'x-twenty-webhook-nonce': randomBytes(16).toString('hex'),
    });
  }
  const keys = secrets.map(keyOf);
  return ({ id, body }, now = Date.now()) => {
    const timestamp = String(Math.floor(now / 1000));
    const signed = `${id}.${timestamp}.${body}`;
    const signatures = keys.map((key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
  };
}

/** Of the bytes that a secret stands for: those behind whsec_, or, of one that came from elsewhere, the text itself. */
function keyOf(secret: string): KeyObject {
  return secret.startsWith('whsec_')
    ? createSecretKey(secret.slice('whsec_'.length), 'base64')
    : createSecretKey(secret, 'utf8');
}
