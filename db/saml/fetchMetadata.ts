import type { CustomFetch } from 'openid-client';
import { MetadataRefused } from './idpMetadata.ts';

/** The metadata document at an address; throws MetadataRefused when it cannot be had. */
export async function fetchMetadata(fetch: CustomFetch, url: string): Promise<string> {
  const headers = { accept: 'application/samlmetadata+xml, application/xml, text/xml, */*' };
  let answer: Response;
  try {
    answer = await fetch(url, { method: 'GET', headers, body: undefined, redirect: 'manual' });
  } catch (error) {
    throw new MetadataRefused(`${url} could not be read: ${(error as Error).message}`, { cause: error });
  }
  if (!answer.ok)
    throw new MetadataRefused(`${url} answered ${answer.status}. Give the address of the metadata itself.`);
  return answer.text();
}
