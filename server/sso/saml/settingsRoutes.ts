import type { Express, Request } from 'express';
import type { CustomFetch } from 'openid-client';
import { CertificateRefused, certificateFacts, readCertificates, toBase64 } from '../../../db/saml/certificates.ts';
import { fetchMetadata } from '../../../db/saml/fetchMetadata.ts';
import { MAX_METADATA_LENGTH, MetadataRefused, readIdpMetadata } from '../../../db/saml/idpMetadata.ts';
import { RequestError } from '../../errors.ts';
import { readJson } from '../../http/body.ts';
import type { SsoParts } from '../begin.ts';
import { countRequest } from '../begin.ts';
import { providerOfKeeper } from '../keeper.ts';
import type { Provider } from '../openId.ts';
import { ownBase } from './ownBase.ts';

/** What somebody gives to have it read: metadata as text or by its address, or certificates as they were copied. */
const GIVEN = ['xml', 'url', 'certificate'] as const;

/** For the screen on which a SAML provider is set up: what we are to it, and what is in the metadata that it gives. */
export function installSamlSettings(app: Express, parts: SsoParts & { fetch: CustomFetch }): void {
  const { pool, attempts, identities, fetch, saml } = parts;

  app.get('/auth/saml/:id/facts', async (request, response) => {
    const provider = samlOf(await providerOfKeeper(parts, { request, response }, request.params.id));
    const { entityId, acsUrl } = await saml.services.open(provider, await ownBase(parts, request));
    const { rows } = await pool.query<{ read_at: Date | null; failure: string | null }>(
      'select read_at, failure from core.saml_metadata_state($1)',
      [provider.id],
    );
    response.setHeader('cache-control', 'no-store');
    response.json({
      entityId,
      acsUrl,
      certificates: describe(provider.settings.certificates ?? []),
      metadataReadAt: rows[0]?.read_at ?? null,
      metadataFailure: rows[0]?.failure ?? null,
    });
  });

  // Nothing is saved by this: who keeps the provider looks at it first.
  app.post('/auth/saml/:id/read', async (request, response) => {
    identities.assertSameOrigin(request);
    await countRequest(attempts, request);
    samlOf(await providerOfKeeper(parts, { request, response }, request.params.id));
    const { kind, text } = await readGiven(request);
    response.setHeader('cache-control', 'no-store');
    try {
      if (kind === 'certificate') {
        response.json({ certificates: describe(readCertificates(text).map((each) => toBase64(each))) });
        return;
      }
      const xml = kind === 'url' ? await fetchMetadata(fetch, text) : text;
      const { certificates, ...metadata } = readIdpMetadata(xml);
      response.json({ ...metadata, certificates: describe(certificates) });
    } catch (error) {
      if (!(error instanceof MetadataRefused || error instanceof CertificateRefused)) throw error;
      throw new RequestError('INVALID_REQUEST', { message: error.message, field: kind });
    }
  });
}

function samlOf(provider: Provider): Provider {
  if (provider.kind === 'SAML') return provider;
  throw new RequestError('NOT_FOUND', { message: 'The workspace has no such provider.' });
}

async function readGiven(request: Request): Promise<{ kind: (typeof GIVEN)[number]; text: string }> {
  const body = ((await readJson(request)) ?? {}) as Record<string, unknown>;
  const [kind, ...others] = GIVEN.filter((name) => body[name] !== undefined);
  const text = kind && body[kind];
  if (!kind || others.length > 0 || typeof text !== 'string' || text.length > MAX_METADATA_LENGTH) {
    throw new RequestError('INVALID_REQUEST', { message: 'Send one of the texts "xml", "url" and "certificate".' });
  }
  if (kind === 'url' && !/^https?:\/\//.test(text.trim())) {
    throw new RequestError('INVALID_REQUEST', { message: 'This is not an https:// address.', field: 'url' });
  }
  return { kind, text: text.trim() };
}

/** One that cannot be read, such as by a slip in psql, verifies nothing and is not shown. */
function describe(certificates: readonly string[]) {
  return certificates.flatMap((base64) => {
    try {
      return readCertificates(base64).map((each) => ({ base64, ...certificateFacts(each) }));
    } catch (error) {
      if (!(error instanceof CertificateRefused)) throw error;
      return [];
    }
  });
}
