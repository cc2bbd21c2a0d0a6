import { fetchJson } from '../../api/failure.ts';

/** What the form of a SAML provider asks the server, which reads XML and certificates. */

export interface Certificate {
  base64: string;
  subject: string;
  fingerprint: string;
  notBefore: string;
  notAfter: string;
}

export interface SamlFacts {
  entityId: string;
  acsUrl: string;
  certificates: Certificate[];
  metadataReadAt: string | null;
  metadataFailure: string | null;
}

export interface ReadMetadata {
  entityId: string;
  signInUrl: string;
  wantsSignedRequests: boolean;
  certificates: Certificate[];
}

export const samlFacts = (id: string) => fetchJson<SamlFacts>(`/auth/saml/${id}/facts`);
export const readMetadata = (id: string, given: { url: string } | { xml: string }) =>
  fetchJson<ReadMetadata>(`/auth/saml/${id}/read`, given);
export const readCertificate = async (id: string, certificate: string): Promise<Certificate[]> =>
  (await fetchJson<{ certificates: Certificate[] }>(`/auth/saml/${id}/read`, { certificate })).certificates;
