import type { Express } from 'express';
import { isWebhookSecret, makeWebhookSecret, webhookSecretPurpose } from '../../db/webhookSecrets.ts';
import { readTexts } from '../auth/requestFields.ts';
import { RequestError } from '../errors.ts';
import type { SsoParts } from '../sso/begin.ts';
import { asKeeper } from '../sso/keeper.ts';

/** What the settings of webhooks need the server for: making, sealing and showing secrets. The rest is SQL. */
export function installWebhookSecrets(app: Express, parts: Pick<SsoParts, 'pool' | 'identities' | 'secrets'>): void {
  const { pool, secrets } = parts;

  app.post('/webhooks/secret', async (request, response) => {
    const { webhook } = await readTexts(pool, request, ['webhook']);
    const fresh = secrets.seal(makeWebhookSecret(), webhookSecretPurpose(webhook));
    const call = 'metadata.show_webhook_secret($1, $2)';
    const sealed = (await asKeeper(parts, { request, response }, call, [webhook, fresh])) as string;
    response.setHeader('cache-control', 'no-store');
    response.json({ secret: secrets.unseal(sealed, webhookSecretPurpose(webhook)) });
  });

  app.post('/webhooks/secret/rotate', async (request, response) => {
    const {
      webhook,
      overlapHours = '24',
      secret: own,
    } = await readTexts(pool, request, ['webhook'], ['overlapHours', 'secret']);
    if (own !== undefined) assertSecret(own);
    const secret = own ?? makeWebhookSecret();
    const sealed = secrets.seal(secret, webhookSecretPurpose(webhook));
    const call = 'metadata.rotate_webhook_secret($1, $2, $3)';
    await asKeeper(parts, { request, response }, call, [webhook, Number(overlapHours), sealed]);
    response.setHeader('cache-control', 'no-store');
    response.json({ secret });
  });
}

function assertSecret(secret: string): void {
  if (isWebhookSecret(secret)) return;
  throw new RequestError('INVALID_REQUEST', {
    message: 'A secret has at least 16 characters, without spaces.',
    hint: 'One that begins with whsec_ is base64 behind that.',
    field: 'secret',
  });
}
