import { MetadataRefused } from './idpMetadata.ts';

type Fetch = (
  url: string,
  options: { method: string; headers: Record<string, string>; body: null },
) => Promise<Response>;

/** The metadata document at an address; throws MetadataRefused when it cannot be had. */
export async function fetchMetadata(fetch: Fetch, url: string): Promise<string> {
  let answer: Response;
  try {
    const headers = { accept: 'application/samlmetadata+xml, application/xml, text/xml, */*' };
    answer = await fetch(url, { method: 'GET', headers, body: null });
  } catch (error) {
    throw new MetadataRefused(`${url} could not be read: ${(error as Error).message}`, { cause: error });
  }
  if (!answer.ok)
    throw new MetadataRefused(`${url} answered ${answer.status}. Give the address of the metadata itself.`);
  return answer.text();
}
