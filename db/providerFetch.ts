import { lookup as resolve } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import type { CustomFetch } from 'openid-client';

const TIMEOUT_MS = 10_000;
/** Discovery documents and key sets have some kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** Thrown for addresses that nobody asks in the name of this server. */
export class AddressRefused extends Error {}

export class AnswerTooLong extends Error {}

export interface ProviderLimits {
  /** Providers in the network of this server, which whoever keeps a workspace could otherwise look around in. */
  readonly allowsPrivate: boolean;
  /** Providers on this machine, over plain http, too: for development and tests. */
  readonly allowsLoopback: boolean;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const special = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  special.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of [
  ['::', 128],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  special.addSubnet(net, prefix, 'ipv6');

const isIn = (list: BlockList, address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

/**
 * Asks the addresses of identity providers, which somebody else has written down: https only, in ten seconds, at most a
 * megabyte, no redirects. The address that the name resolves to is the one that is asked, so a name that changes
 * between the check and the request gains nothing.
 */
export function makeProviderFetch({ allowsPrivate, allowsLoopback }: ProviderLimits): CustomFetch {
  const assertAddress = (address: string) => {
    if (isIn(loopback, address) ? allowsLoopback : allowsPrivate || !isIn(special, address)) return;
    throw new AddressRefused(`${address} is not an address of the public network.`);
  };

  const lookup: LookupFunction = (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, []);
      try {
        addresses.forEach(({ address }) => assertAddress(address));
      } catch (refusal) {
        return done(refusal as Error, []);
      }
      if (options.all) return done(null, addresses);
      return done(null, addresses[0]!.address, addresses[0]!.family);
    });
  };

  return (address, { method, headers, body, signal }) =>
    new Promise((resolveAnswer, reject) => {
      const url = new URL(address);
      const host = url.hostname.replace(/^\[|\]$/g, '');
      if (
        url.protocol === 'http:' &&
        !(allowsLoopback && (host === 'localhost' || (isIP(host) && isIn(loopback, host))))
      )
        throw new AddressRefused('Providers are asked over https only.');
      if (isIP(host)) assertAddress(host);
      const request = (url.protocol === 'http:' ? requestHttp : requestHttps)(
        url,
        {
          method,
          headers: { ...headers, 'accept-encoding': 'identity' },
          lookup,
          agent: false,
          signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])]),
        },
        (answer) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          answer.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > MAX_BYTES) request.destroy(new AnswerTooLong('The answer of the provider is too long.'));
            else chunks.push(chunk);
          });
          answer.on('error', reject);
          answer.on('end', () => {
            const entries = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
            const status = answer.statusCode ?? 502;
            const content = [204, 205, 304].includes(status) ? null : Buffer.concat(chunks);
            resolveAnswer(
              new Response(content, { status, headers: Object.fromEntries(entries) as Record<string, string> }),
            );
          });
        },
      );
      request.on('error', reject);
      request.end(body instanceof URLSearchParams ? body.toString() : (body as string | Uint8Array | null | undefined));
    });
}
