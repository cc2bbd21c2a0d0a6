import type { Task } from 'graphile-worker';
import type { CustomFetch } from 'openid-client';
import { DatabaseError } from 'pg';
import type { Pool } from 'pg';
import { readCertificates } from '../../db/saml/certificates.ts';
import { fetchMetadata } from '../../db/saml/fetchMetadata.ts';
import { MetadataRefused, readIdpMetadata } from '../../db/saml/idpMetadata.ts';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Long enough for a colleague to come back from a holiday. */
const WARN_MS = 21 * 86_400_000;

interface Provider {
  provider_id: string;
  url: string | null;
  certificates: string[];
}

/**
 * Reads the metadata of SAML providers anew where they have an address, so that a provider may change its certificates;
 * warns of those that end; and forgets assertions that nobody would accept any more. One provider that fails keeps none of
 * the others waiting.
 */
export function samlRefresh(engine: Pool, fetch: CustomFetch): Task {
  return task({}, async () => {
    const { rows } = await engine.query<Provider>('select * from core.saml_providers_to_check()');
    for (const provider of rows) {
      const certificates = provider.url === null ? provider.certificates : await refresh(provider, provider.url);
      const ends = Math.max(
        ...certificates.flatMap((each) => readCertificates(each)).map((each) => each.validToDate.getTime()),
      );
      if (ends < Date.now() + WARN_MS) {
        await engine.query('select core.warn_of_saml_certificates($1, $2)', [provider.provider_id, new Date(ends)]);
      }
    }
    await engine.query('select core.forget_saml_assertions()');
  });

  /** Returns the certificates that count from now on. */
  async function refresh({ provider_id: id, certificates }: Provider, url: string): Promise<readonly string[]> {
    try {
      const metadata = readIdpMetadata(await fetchMetadata(fetch, url));
      const { rows } = await engine.query<{ changed: boolean }>(
        'select core.note_saml_metadata($1, $2, $3, $4, $5) as changed',
        [id, url, metadata.entityId, metadata.signInUrl, metadata.certificates],
      );
      if (rows[0]!.changed) log('a SAML provider has changed its metadata', { provider: id });
      return metadata.certificates;
    } catch (error) {
      const isRule = error instanceof DatabaseError && error.code?.startsWith('RV');
      if (!isRule && !(error instanceof MetadataRefused)) throw error;
      log('the metadata of a SAML provider could not be read', { provider: id, error: error.message });
      await engine.query('select core.note_saml_metadata_failure($1, $2)', [id, error.message]);
      return certificates;
    }
  }
}
