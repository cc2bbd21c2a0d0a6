import { createHash, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

interface Circumstances {
  /** The site that the browser is at, as it says itself. */
  origin?: string;
  /** The host that the key is asked for. */
  party?: string;
  isUserVerified?: boolean;
  counter?: number;
  userHandle?: string;
}

/** A security key and its browser, as WebAuthn describes them: an ES256 key, no attestation. It does whatever a test asks, also what no browser would. */
export class Authenticator {
  readonly #origin: string;
  readonly #keys: { publicKey: KeyObject; privateKey: KeyObject };
  readonly id = randomBytes(16);
  counter = 0;
  userHandle = '';

  constructor(origin: string) {
    this.#origin = origin;
    this.#keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  }

  /** Answers the options of a registration. */
  create(options: { challenge: string; user: { id: string } }, how: Circumstances = {}) {
    this.userHandle = options.user.id;
    const { x, y } = this.#keys.publicKey.export({ format: 'jwk' });
    const key = cbor(
      new Map<Cbor, Cbor>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, Buffer.from(x!, 'base64url')],
        [-3, Buffer.from(y!, 'base64url')],
      ]),
    );
    const length = Buffer.alloc(2);
    length.writeUInt16BE(this.id.length);
    const attested = Buffer.concat([Buffer.alloc(16), length, this.id, key]);
    const authData = Buffer.concat([this.#authData(how, 0x40), attested]);
    const attestationObject = cbor(
      new Map<Cbor, Cbor>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData],
      ]),
    );
    return this.#answer({
      clientDataJSON: this.#clientData('webauthn.create', options.challenge, how),
      attestationObject: attestationObject.toString('base64url'),
      transports: ['usb'],
    });
  }

  /** Answers the options of a sign-in. */
  get({ challenge }: { challenge: string }, how: Circumstances = {}) {
    this.counter += 1;
    const authenticatorData = this.#authData(how, 0);
    const clientDataJSON = this.#clientData('webauthn.get', challenge, how);
    const hash = createHash('sha256').update(Buffer.from(clientDataJSON, 'base64url')).digest();
    const signature = createSign('sha256')
      .update(Buffer.concat([authenticatorData, hash]))
      .sign(this.#keys.privateKey);
    return this.#answer({
      clientDataJSON,
      authenticatorData: authenticatorData.toString('base64url'),
      signature: signature.toString('base64url'),
      userHandle: how.userHandle ?? this.userHandle,
    });
  }

  #answer<Inner>(response: Inner) {
    const id = this.id.toString('base64url');
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }

  #authData(
    { party = new URL(this.#origin).hostname, isUserVerified = true, counter = this.counter }: Circumstances,
    flag: number,
  ) {
    const head = Buffer.alloc(5);
    head.writeUInt8(0x01 | (isUserVerified ? 0x04 : 0) | flag);
    head.writeUInt32BE(counter, 1);
    return Buffer.concat([createHash('sha256').update(party).digest(), head]);
  }

  #clientData(type: string, challenge: string, { origin = this.#origin }: Circumstances): string {
    return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false })).toString('base64url');
  }
}

type Cbor = number | string | Buffer | Map<Cbor, Cbor>;

/** As much of RFC 8949 as keys are written in. */
function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value >= 0 ? cborHead(0, value) : cborHead(1, -1 - value);
  if (typeof value === 'string') return Buffer.concat([cborHead(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([cborHead(2, value.length), value]);
  return Buffer.concat([cborHead(5, value.size), ...[...value].flatMap(([key, each]) => [cbor(key), cbor(each)])]);
}

function cborHead(major: number, size: number): Buffer {
  if (size < 24) return Buffer.from([(major << 5) | size]);
  if (size < 256) return Buffer.from([(major << 5) | 24, size]);
  return Buffer.from([(major << 5) | 25, size >> 8, size & 255]);
}
