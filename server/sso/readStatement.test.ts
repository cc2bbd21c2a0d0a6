import { readStatement } from './readStatement.ts';

const claims = { sub: 's', name: 'Nora New', email: 'nora@acme.test' };

test('an address counts as verified where the provider says so, or all its addresses are', () => {
  const isVerified = (said: object, settings = {}) =>
    readStatement('OIDC', settings, { ...claims, ...said }).isEmailVerified;
  expect(isVerified({ email_verified: true })).toBe(true);
  expect(isVerified({ email_verified: 'true' })).toBe(true);
  expect(isVerified({})).toBe(false);
  expect(isVerified({ email_verified: false })).toBe(false);
  expect(isVerified({ email_verified: 'false' })).toBe(false);
  expect(isVerified({}, { trustsEmail: true })).toBe(true);
  expect(isVerified({ email: undefined }, { trustsEmail: true })).toBe(false);
});

test('what anybody can write into a Microsoft directory is not believed', () => {
  const read = (said: object, settings = {}) =>
    readStatement('MICROSOFT', settings, { ...claims, tid: 't', oid: 'o', ...said });
  expect(read({}).subject).toBe('t:o');
  expect(read({ email_verified: true })).toMatchObject({ isEmailVerified: false });
  expect(read({ xms_edov: '1' })).toMatchObject({ email: 'nora@acme.test', isEmailVerified: true });
  expect(read({ xms_edov: false })).toMatchObject({ isEmailVerified: false });
  expect(read({ email: undefined, preferred_username: 'nora@acme.test' })).toMatchObject({ email: null });
  expect(read({ email: undefined, preferred_username: 'nora@acme.test' }, { trustsEmail: true })).toMatchObject({
    email: 'nora@acme.test',
    isEmailVerified: true,
  });
});

test('two factors are "mfa", or a password and something else', () => {
  const hasTwo = (amr: unknown) => readStatement('OIDC', {}, { ...claims, amr }).hasSecondFactor;
  expect([['mfa'], ['pwd', 'otp'], ['pwd', 'hwk']].map(hasTwo)).toEqual([true, true, true]);
  expect([undefined, 'mfa', [], ['pwd'], ['otp'], ['pwd', 'kba']].map(hasTwo)).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});

test('a name may come in parts', () => {
  expect(readStatement('OIDC', {}, { sub: 's', given_name: 'Nora', family_name: 'New' }).name).toBe('Nora New');
  expect(readStatement('OIDC', {}, { sub: 's' }).name).toBeNull();
});
