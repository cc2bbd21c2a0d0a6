import { X509Certificate } from 'node:crypto';

export interface CertificateFacts {
  /** SHA-256, as identity providers show it. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Said to the person who gave the certificate. */
export class CertificateRefused extends Error {}

const MIN_BITS = 2_048;

/**
 * Certificates in the way that people paste them: PEM or its bare base64, one or several. In SAML a certificate is the
 * wrapping of a key that one trusts because one was given it; who issued it and until when says nothing of that. So one
 * that has run out goes on verifying, and people are told.
 */
export function readCertificates(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [text];
  return blocks.map((block) => readCertificate(block));
}

function readCertificate(text: string): X509Certificate {
  const base64 = text.replaceAll(/-----(BEGIN|END) CERTIFICATE-----|\s/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64))
    throw new CertificateRefused('This is not a certificate in PEM or base64.');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(Buffer.from(base64, 'base64'));
  } catch {
    throw new CertificateRefused('This is not an X.509 certificate.');
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
  if (type !== 'rsa' || (details?.modulusLength ?? 0) < MIN_BITS) {
    throw new CertificateRefused(`The certificate must have an RSA key of at least ${MIN_BITS} bits.`);
  }
  return certificate;
}

export function certificateFacts({
  fingerprint256,
  subject,
  validFromDate,
  validToDate,
}: X509Certificate): CertificateFacts {
  return {
    fingerprint: fingerprint256,
    subject: subject.replaceAll('\n', ', '),
    notBefore: validFromDate,
    notAfter: validToDate,
  };
}

/** Base64 without lines, as metadata and our tables have it. */
export const toBase64 = (certificate: X509Certificate): string => certificate.raw.toString('base64');
