import { createSign, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** Nobody asks until when it is good; identity providers want one that has not run out. */
const YEARS = 20;

const [INTEGER, BIT_STRING, NULL, OID, UTF8, SEQUENCE, SET, UTC_TIME, GENERALIZED_TIME] = [
  0x02, 0x03, 0x05, 0x06, 0x0c, 0x30, 0x31, 0x17, 0x18,
];
/** sha256WithRSAEncryption and commonName, as DER writes their numbers. */
const SHA256_WITH_RSA = Buffer.from('2a864886f70d01010b', 'hex');
const COMMON_NAME = Buffer.from('550403', 'hex');

/**
 * A certificate of a public key, signed by that key itself: the wrapping that SAML metadata wants around keys. Version 1 of
 * X.509, which needs no extensions.
 */
export function selfSign(
  name: string,
  keys: { publicKey: KeyObject; privateKey: KeyObject },
  now = new Date(),
): string {
  const algorithm = der(SEQUENCE, der(OID, SHA256_WITH_RSA), der(NULL));
  const who = der(SEQUENCE, der(SET, der(SEQUENCE, der(OID, COMMON_NAME), der(UTF8, Buffer.from(name)))));
  const until = new Date(now);
  until.setUTCFullYear(until.getUTCFullYear() + YEARS);
  // Positive and never empty: the first bit is 0, the second 1.
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const toBeSigned = der(
    SEQUENCE,
    der(INTEGER, serial),
    algorithm,
    who,
    der(SEQUENCE, time(now), time(until)),
    who,
    keys.publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = createSign('RSA-SHA256').update(toBeSigned).sign(keys.privateKey);
  return der(SEQUENCE, toBeSigned, algorithm, der(BIT_STRING, Buffer.from([0]), signature)).toString('base64');
}

function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, content]);
}

/** Until 2049 with two digits of the year, from then on with four (RFC 5280). */
function time(date: Date): Buffer {
  const text = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return date.getUTCFullYear() < 2050
    ? der(UTC_TIME, Buffer.from(text.slice(2)))
    : der(GENERALIZED_TIME, Buffer.from(text));
}
