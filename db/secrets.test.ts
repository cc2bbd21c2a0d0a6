import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openSecrets, Secrets } from './secrets.ts';

const secrets = new Secrets('a'.repeat(43));

test('what was sealed is unsealed, only with the same secret and for the same purpose', () => {
  const sealed = secrets.seal('Grüße', 'totp');
  expect(sealed).toMatch(/^s1\.[\w-]+$/);
  expect(Buffer.from(sealed.slice(3), 'base64url').includes('Grüße')).toBe(false);
  expect(secrets.seal('Grüße', 'totp')).not.toBe(sealed);
  expect(secrets.unseal(sealed, 'totp')).toBe('Grüße');
  expect(() => secrets.unseal(sealed)).toThrow();
  expect(() => new Secrets('b'.repeat(43)).unseal(sealed, 'totp')).toThrow();
  const bytes = Buffer.from(sealed.slice(3), 'base64url');
  bytes[30]! ^= 1;
  expect(() => secrets.unseal(`s1.${bytes.toString('base64url')}`, 'totp')).toThrow();
  expect(() => secrets.unseal('nonsense')).toThrow('This is not a sealed text.');
});

test('without RELVAR_SECRET a secret is made once, for the owner of the folder alone', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'relvar-secrets-'));
  try {
    const sealed = openSecrets({ secret: null, dataDir }).seal('text');
    expect(openSecrets({ secret: null, dataDir }).unseal(sealed)).toBe('text');
    expect(statSync(join(dataDir, 'secret')).mode & 0o777).toBe(0o600);
    const kept = readFileSync(join(dataDir, 'secret'), 'utf8');
    expect(openSecrets({ secret: kept, dataDir: '/nonexistent' }).unseal(sealed)).toBe('text');
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});
