import { randomBytes } from 'node:crypto';

/** 32 random bytes, written as Standard Webhooks has it. */
export const makeWebhookSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/** What the secrets of one webhook are sealed for. */
export const webhookSecretPurpose = (webhookId: string): string => `webhook secret ${webhookId}`;

/** One that comes from elsewhere: as Standard Webhooks has it, or any text that is long enough to be a secret. */
export function isWebhookSecret(secret: string): boolean {
  const bytes = secret.startsWith('whsec_')
    ? Buffer.from(secret.slice('whsec_'.length), 'base64').length
    : secret.length;
  return bytes >= 16 && secret.length <= 200 && /^[\x21-\x7e]+$/.test(secret);
}
