import { isIP } from 'node:net';
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { AuthenticationResponseJSON, RegistrationResponseJSON, WebAuthnCredential } from '@simplewebauthn/server';
import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import { workspaceUrl } from '../../../db/workspaceAddress.ts';
import { originOf, ownDomainOf } from '../../http/origin.ts';
import type { Secrets } from '../../../db/secrets.ts';
import { RequestError } from '../../errors.ts';
import { readCookie } from '../cookies.ts';
import { describeDevice } from '../../../db/describeDevice.ts';
import { nameBrowser } from '../sessions/devices.ts';
import { noteAuthEvent } from '../events.ts';
import { hashToken, randomToken } from '../tokenHash.ts';

/** ES256, EdDSA and RS256, as authenticators have them. Asking Node for more makes it warn that it tries things. */
const ALGORITHMS = [-7, -8, -257];
const TICKET_MS = 5 * 60_000;
const TICKET = 'passkey ticket';

/** What a challenge was given out for; it is good for nothing else. */
type Use = 'REGISTER' | 'SIGN_IN' | 'SECOND_FACTOR';

interface Ticket {
  readonly challenge: string;
  readonly use: Use;
  /** Whose passkey it must be; null where the passkey says who it is. */
  readonly userId: string | null;
  /** The hash of the name of the browser that asked. */
  readonly browser: string;
  readonly until: number;
}

/** What passkeys are made for and used at: they are of no use anywhere else, which is what phishing breaks on. */
interface Party {
  readonly id: string;
  readonly origin: string;
}

export interface PasskeyOwner {
  readonly userId: string;
  readonly email: string;
}

interface Parts {
  readonly pool: Pool;
  readonly secrets: Secrets;
  readonly publicUrl: string | null;
}

/**
 * Makes and verifies passkeys (WebAuthn). Each verifies its owner by finger, face or PIN, so one is worth two factors. A
 * challenge is sealed, for five minutes, for one use, one browser and once.
 */
export class Passkeys {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Null where there can be none: browsers make passkeys for names of hosts, and without RELVAR_URL only for localhost. */
  partyOf(request: Request): Party | null {
    const { publicUrl } = this.#parts;
    const own = ownDomainOf(request);
    // A browser gives a passkey to no other name than the one it was made at.
    if (own !== undefined) return { id: new URL(own.origin).hostname, origin: own.origin };
    if (publicUrl !== null) {
      // Made for the name that all workspaces share, so that one is good in each of them.
      const { hostname } = new URL(workspaceUrl(publicUrl, null));
      return isAddress(hostname) ? null : { id: hostname, origin: new URL(originOf(request, publicUrl)).origin };
    }
    const host = request.headers.host ?? '';
    return /^localhost(:\d+)?$/.test(host) ? { id: 'localhost', origin: `http://${host}` } : null;
  }

  async beginRegistration(request: Request, response: Response, { userId, email }: PasskeyOwner) {
    const { pool } = this.#parts;
    const party = this.#assertParty(request);
    const { rows } = await pool.query<{ credential_id: Buffer }>('select credential_id from core.passkeys_of($1)', [
      userId,
    ]);
    const options = await generateRegistrationOptions({
      rpName: 'Relvar',
      rpID: party.id,
      userName: email,
      userDisplayName: email,
      userID: new Uint8Array(handleOf(userId)),
      excludeCredentials: rows.map(({ credential_id: id }) => ({ id: id.toString('base64url') })),
      supportedAlgorithmIDs: ALGORITHMS,
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    return {
      options,
      ticket: this.#seal(request, response, { challenge: options.challenge, use: 'REGISTER', userId }),
    };
  }

  async register(
    request: Request,
    userId: string,
    { ticket, response, name }: { ticket: unknown; response: unknown; name: unknown },
  ): Promise<{ id: string; name: string }> {
    const { pool } = this.#parts;
    const party = this.#assertParty(request);
    const challenge = await this.#open(request, ticket, 'REGISTER', userId);
    const verified = await verifyRegistrationResponse({
      response: response as RegistrationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    }).catch((error: unknown) => this.#refuse(request, userId, reasonOf(error)));
    if (!verified.verified) return this.#refuse(request, userId, 'SIGNATURE');
    const { credential, credentialDeviceType } = verified.registrationInfo;
    const wanted = typeof name === 'string' ? name.trim().slice(0, 100) : '';
    const called = wanted || describeDevice(request.headers['user-agent'] ?? null);
    const { rows } = await pool.query<{ id: string }>('select core.add_passkey($1, $2, $3, $4, $5, $6, $7) as id', [
      userId,
      Buffer.from(credential.id, 'base64url'),
      Buffer.from(credential.publicKey),
      credential.counter,
      credential.transports ?? [],
      called,
      credentialDeviceType === 'multiDevice',
    ]);
    return { id: rows[0]!.id, name: called };
  }

  /** For a user, one of their passkeys; for nobody yet, any that the browser has for this site. */
  async beginAuthentication(request: Request, response: Response, userId: string | null) {
    const { pool } = this.#parts;
    const party = this.#assertParty(request);
    const { rows } =
      userId === null
        ? { rows: [] }
        : await pool.query<{ credential_id: Buffer; transports: string[] }>('select * from core.passkeys_of($1)', [
            userId,
          ]);
    const options = await generateAuthenticationOptions({
      rpID: party.id,
      userVerification: 'required',
      allowCredentials: rows.map(({ credential_id: id, transports }) => ({ id: id.toString('base64url'), transports })),
    });
    const use = userId === null ? 'SIGN_IN' : 'SECOND_FACTOR';
    return { options, ticket: this.#seal(request, response, { challenge: options.challenge, use, userId }) };
  }

  /** Whose passkey has answered the challenge of the ticket; throws PASSKEY_REFUSED, and writes down why. */
  async authenticate(
    request: Request,
    { ticket, response }: { ticket: unknown; response: unknown },
    userId: string | null,
  ): Promise<PasskeyOwner> {
    const { pool } = this.#parts;
    const party = this.#assertParty(request);
    const challenge = await this.#open(request, ticket, userId === null ? 'SIGN_IN' : 'SECOND_FACTOR', userId);
    const { id, response: inner } = (response ?? {}) as Partial<AuthenticationResponseJSON>;
    const { rows } = await pool.query<{ id: string; user_id: string; email: string; public_key: Buffer }>(
      'select * from core.find_passkey($1)',
      [Buffer.from(String(id ?? '').slice(0, 2_000), 'base64url')],
    );
    const [found] = rows;
    if (!found) return this.#refuse(request, userId, 'UNKNOWN');
    const owner = { userId: found.user_id, email: found.email };
    if (userId !== null && userId !== owner.userId) return this.#refuse(request, userId, 'OTHER_USER');
    const handle = inner?.userHandle;
    if (handle !== undefined && handle !== handleOf(owner.userId).toString('base64url'))
      return this.#refuse(request, owner.userId, 'OTHER_USER');
    // The database compares the counter, in the statement that keeps the new one.
    const credential: WebAuthnCredential = { id: String(id), publicKey: new Uint8Array(found.public_key), counter: 0 };
    const verified = await verifyAuthenticationResponse({
      response: response as AuthenticationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      credential,
      requireUserVerification: true,
    }).catch((error: unknown) => this.#refuse(request, owner.userId, reasonOf(error)));
    if (!verified.verified) return this.#refuse(request, owner.userId, 'SIGNATURE');
    const used = await pool.query<{ used: boolean }>('select core.use_passkey($1, $2) as used', [
      found.id,
      verified.authenticationInfo.newCounter,
    ]);
    if (!used.rows[0]!.used) return this.#refuse(request, owner.userId, 'COUNTER');
    return owner;
  }

  #assertParty(request: Request): Party {
    const party = this.partyOf(request);
    if (party === null) throw new RequestError('PASSKEYS_UNAVAILABLE');
    return party;
  }

  #seal(request: Request, response: Response, what: Pick<Ticket, 'challenge' | 'use' | 'userId'>): string {
    const browser = hashToken(nameBrowser(request, response)).toString('base64url');
    const ticket: Ticket = { ...what, browser, until: Date.now() + TICKET_MS };
    response.setHeader('cache-control', 'no-store');
    return this.#parts.secrets.seal(JSON.stringify(ticket), TICKET);
  }

  /** The challenge of a ticket, which is used up by this. */
  async #open(request: Request, sealed: unknown, use: Use, userId: string | null): Promise<string> {
    let ticket: Ticket;
    try {
      ticket = JSON.parse(this.#parts.secrets.unseal(String(sealed), TICKET)) as Ticket;
    } catch {
      return this.#refuse(request, userId, 'TICKET');
    }
    if (ticket.until < Date.now()) throw new RequestError('TICKET_EXPIRED');
    if (ticket.use !== use || ticket.userId !== userId) return this.#refuse(request, userId, 'TICKET');
    const browser = readCookie(request, 'relvar_browser') ?? randomToken();
    if (hashToken(browser).toString('base64url') !== ticket.browser) return this.#refuse(request, userId, 'BROWSER');
    const { rows } = await this.#parts.pool.query<{ first: boolean }>(
      'select core.count_attempt($1, 1, make_interval(secs => $2)) as first',
      [`passkey challenge ${ticket.challenge}`, TICKET_MS / 1000 + 60],
    );
    if (!rows[0]!.first) return this.#refuse(request, userId, 'REUSED');
    return ticket.challenge;
  }

  async #refuse(request: Request, userId: string | null, reason: string): Promise<never> {
    await noteAuthEvent(this.#parts.pool, request, 'PASSKEY_REFUSED', { userId, detail: { reason } });
    throw new RequestError('PASSKEY_REFUSED');
  }
}

const isAddress = (hostname: string): boolean => isIP(hostname.replaceAll(/^\[|\]$/g, '')) !== 0;

/** What an authenticator calls the user: the bytes of the id, which say nothing to anybody else. */
const handleOf = (userId: string): Buffer => Buffer.from(userId.replaceAll('-', ''), 'hex');

/** Why the library has refused, in a word of the audit. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  if (/challenge/i.test(message)) return 'CHALLENGE';
  if (/origin/i.test(message)) return 'ORIGIN';
  if (/RP ?ID/i.test(message)) return 'PARTY';
  if (/could not be verified|not present/i.test(message)) return 'NOT_VERIFIED';
  return 'MALFORMED';
}
