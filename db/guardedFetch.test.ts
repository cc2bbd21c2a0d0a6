import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeGuardedFetch } from './guardedFetch.ts';

const server = createServer((_request, response) => response.end('inside'));
let port: number;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const limits = { allowsPrivate: false, allowsLoopback: false };
const options = { method: 'GET', headers: {}, body: undefined, redirect: 'manual' } as const;
const ask = async (url: string, allowed = limits) => {
  try {
    return await (await makeGuardedFetch(allowed)(url, options)).text();
  } catch (error) {
    return (error as Error).constructor.name;
  }
};

test('only https, but for this machine in development', async () => {
  expect(await ask('http://login.example/')).toBe('AddressRefused');
  expect(await ask(`http://127.0.0.1:${port}/`)).toBe('AddressRefused');
  expect(await ask('http://10.0.0.1/', { allowsPrivate: true, allowsLoopback: true })).toBe('AddressRefused');
  expect(await ask(`http://127.0.0.1:${port}/`, { ...limits, allowsLoopback: true })).toBe('inside');
  expect(await ask(`http://localhost:${port}/`, { ...limits, allowsLoopback: true })).toBe('inside');
});

test('no address of a private network, however it is written, nor a name that leads to one', async () => {
  for (const host of [
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '[::1]',
    '[::]',
    '[fd00::1]',
    '[fe80::1]',
    '[::ffff:10.0.0.1]',
    '[64:ff9b::a00:1]',
    'localhost',
  ])
    expect([host, await ask(`https://${host}:${port}/`)]).toEqual([host, 'AddressRefused']);
  // Where they are allowed, it is asked, and speaks no TLS.
  expect(await ask(`https://127.0.0.1:${port}/`, { allowsPrivate: true, allowsLoopback: true })).toBe('Error');
});
