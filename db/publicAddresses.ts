import { lookup as resolve } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction } from 'node:net';

/** Thrown for addresses that nobody asks in the name of this server. */
export class AddressRefused extends Error {}

export interface AddressLimits {
  /** Addresses in the network of this server, which whoever keeps a workspace could otherwise look around in. */
  readonly allowsPrivate: boolean;
  /** Addresses of this machine, over plain http, too: for development and tests. */
  readonly allowsLoopback: boolean;
}

export const PUBLIC_ONLY: AddressLimits = { allowsPrivate: false, allowsLoopback: false };

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Private, shared, link-local (with the metadata of clouds), for documentation and tests, multicast, reserved. */
const special4 = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  special4.addSubnet(net, prefix, 'ipv4');
/** A list of its own: one of both kinds would take every IPv4 address for the IPv6 address that stands for it. */
const special6 = new BlockList();
for (const [net, prefix] of [
  // All but 2000::/3, which is the public network: mapped and translated IPv4, unique local, link-local, multicast.
  ['::', 3],
  ['4000::', 2],
  ['8000::', 1],
  // Within it, what leads elsewhere: Teredo and others, 6to4, documentation.
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  special6.addSubnet(net, prefix, 'ipv6');

const isIn = (list: BlockList, address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

const isSpecial = (address: string): boolean => isIn(isIP(address) === 6 ? special6 : special4, address);

/** The host of a URL, without the brackets around an IPv6 address. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

export const isLoopback = (host: string): boolean => host === 'localhost' || (isIP(host) !== 0 && isIn(loopback, host));

/**
 * Guards requests to addresses that somebody else has written down. The address that a name resolves to is the one that is
 * asked, so a name that changes between the check and the request gains nothing: pass `lookup` to the request, and ask
 * `assertHost` before it, since addresses written as numbers are not looked up.
 */
export function guardAddresses({ allowsPrivate, allowsLoopback }: AddressLimits): {
  assertHost: (host: string) => void;
  lookup: LookupFunction;
} {
  const assertAddress = (address: string) => {
    if (isIn(loopback, address) ? allowsLoopback : allowsPrivate || !isSpecial(address)) return;
    throw new AddressRefused(`${address} is not an address of the public network.`);
  };
  return {
    assertHost: (host) => {
      if (isIP(host) !== 0) assertAddress(host);
    },
    lookup: (hostname, options, done) => {
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
    },
  };
}
