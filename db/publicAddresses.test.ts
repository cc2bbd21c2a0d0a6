import { AddressRefused, guardAddresses, hostOf } from './publicAddresses.ts';

const isRefused = (host: string, limits = { allowsPrivate: false, allowsLoopback: false }) => {
  try {
    guardAddresses(limits).assertHost(hostOf(new URL(`http://${host}/`)));
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(AddressRefused);
    return true;
  }
};

test.each([
  ['this machine', ['127.0.0.1', '127.255.255.254', '2130706433', '0x7f000001', '017700000001', '127.1', '[::1]']],
  ['any address', ['0.0.0.0', '0.1.2.3', '[::]']],
  ['private networks', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.0.1', '[fc00::1]', '[fdff::1]']],
  [
    'link-local addresses and metadata of clouds',
    ['169.254.169.254', '169.254.0.1', '[fe80::1]', '[febf::1]', '[fd00:ec2::254]'],
  ],
  [
    'shared, documentation and test networks',
    ['100.64.0.1', '192.0.0.1', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '[2001:db8::1]', '[3fff::1]'],
  ],
  [
    'multicast and reserved addresses',
    ['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', '[ff02::1]', '[fec0::1]', '[100::1]'],
  ],
  ['IPv4 in IPv6', ['[::ffff:10.0.0.1]', '[::ffff:127.0.0.1]', '[::ffff:8.8.8.8]', '[::10.0.0.1]']],
  [
    'what is translated or tunnelled',
    ['192.88.99.1', '[64:ff9b::a9fe:a9fe]', '[64:ff9b:1::1]', '[2002:7f00:1::]', '[2001:0:1::1]'],
  ],
])('%s are refused', (_kind, hosts) => {
  for (const host of hosts) expect([host, isRefused(host)]).toEqual([host, true]);
});

test('public addresses are asked, and others where they are allowed', () => {
  for (const host of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '[2606:4700::1111]', '[2a00:1450::1]'])
    expect([host, isRefused(host)]).toEqual([host, false]);
  expect(isRefused('10.0.0.1', { allowsPrivate: true, allowsLoopback: false })).toBe(false);
  expect(isRefused('127.0.0.1', { allowsPrivate: true, allowsLoopback: false })).toBe(true);
  expect(isRefused('127.0.0.1', { allowsPrivate: false, allowsLoopback: true })).toBe(false);
});

test.each([[true], [false]])(
  'a name that leads to this machine (all addresses: %s) is refused when it is looked up',
  async (all) => {
    const { lookup } = guardAddresses({ allowsPrivate: false, allowsLoopback: false });
    const error = await new Promise<Error | null>((resolve) =>
      lookup('localhost', { all }, (failure) => resolve(failure)),
    );
    expect(error).toBeInstanceOf(AddressRefused);
  },
);
