import { Alert, Button, Group } from '@mantine/core';
import { useState } from 'react';
import { toFailure, type Failure } from '../../api/failure.ts';
import { formatRelative } from '../../model/dates.ts';
import classes from '../security.module.css';
import { beginTest, checkProvider, type Checked, type Provider, type TestResult } from './providers.ts';
import { t } from '../../language/t.ts';

/** Whether the provider answers, and what it says of whoever tries it. Nobody is signed in by this. */
export function TryProvider({ provider }: { provider: Provider }) {
  const [checked, setChecked] = useState<Checked | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState<'CHECK' | 'TEST' | null>(null);
  const attempt = async (what: 'CHECK' | 'TEST', work: () => Promise<void>) => {
    setBusy(what);
    setFailure(null);
    setChecked(null);
    try {
      await work();
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(null);
  };
  const check = () => attempt('CHECK', async () => setChecked(await checkProvider(provider.id)));
  const test = () => attempt('TEST', async () => window.location.assign((await beginTest(provider.id)).location));
  const isReady = provider.lacks === null;
  return (
    <section className={classes.section} aria-labelledby="try">
      <h3 className={classes.heading} id="try">
        {t('Try it')}
      </h3>
      <p className={classes.note}>
        {isReady
          ? t('The test signs you in at the provider and shows what it says of you. You stay who you are here.')
          : t('Save what the provider needs first.')}
      </p>
      <Group gap={8} my={10}>
        {provider.kind === 'SAML' ? null : (
          <Button variant="default" loading={busy === 'CHECK'} disabled={!isReady} onClick={() => void check()}>
            {t('Check the address')}
          </Button>
        )}
        <Button variant="default" loading={busy === 'TEST'} disabled={!isReady} onClick={() => void test()}>
          {t('Test the sign-in')}
        </Button>
      </Group>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      {checked ? (
        <Alert color="green" variant="light" role="status" title={t('The provider answers')}>
          {t('It calls itself {issuer}.', { issuer: checked.issuer })}
        </Alert>
      ) : null}
      {provider.lastTest && !failure && !checked ? <Result result={provider.lastTest} /> : null}
    </section>
  );
}

function Result({ result }: { result: TestResult }) {
  const when = formatRelative(result.at);
  if (result.problem) {
    return (
      <Alert
        color="red"
        variant="light"
        title={t('The test {when} failed: {problem}', {
          when,
          problem: result.problem.replaceAll('_', ' ').toLowerCase(),
        })}
      >
        {result.said}
      </Alert>
    );
  }
  const facts: [string, string][] = [
    [t('Subject'), result.subject ?? ''],
    [t('Name'), result.name ?? '–'],
    [
      'E-mail',
      result.email
        ? result.isEmailVerified
          ? t('{email} (verified)', { email: result.email })
          : t('{email} (not verified)', { email: result.email })
        : '–',
    ],
    [t('Second factor'), result.hasSecondFactor ? t('Yes') : t('Not said')],
    ...Object.entries(result.claims ?? {}),
  ];
  return (
    <Alert
      color={result.email && result.isEmailVerified ? 'green' : 'yellow'}
      variant="light"
      title={t('The test {when} worked', { when })}
    >
      {result.email && result.isEmailVerified
        ? null
        : t('But the provider does not vouch for an address, so that it can let in nobody who is not connected yet.')}
      <dl className={classes.facts} aria-label={t('What the provider said')}>
        {facts.map(([name, value], i) => (
          <div key={`${name} ${i}`}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Alert>
  );
}
