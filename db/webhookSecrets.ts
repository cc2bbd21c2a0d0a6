import { randomBytes } from 'node:crypto';

/** 32 random bytes, written as Standard Webhooks has it. */
export const makeWebhookSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/** What the secrets of one webhook are sealed for. */
export const webhookSecretPurpose = (webhookId: string): string => `webhook secret ${webhookId}`;
