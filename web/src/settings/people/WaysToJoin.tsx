import { Button, CopyButton, Group, TextInput } from '@mantine/core';
import { useState } from 'react';
import lists from '../lists.module.css';
import type { Act } from '../act.ts';
import { endInviteLink, newInviteLink, removeDomain, requestDomain, type Joining } from './people.ts';
import own from './people.module.css';
import { t } from '../../language/t.ts';

export function WaysToJoin({ joining, act }: { joining: Joining; act: Act }) {
  return (
    <>
      <InviteLink isOn={joining.isInviteLinkOn} act={act} />
      <Domains domains={joining.domains} act={act} />
    </>
  );
}

function InviteLink({ isOn, act }: { isOn: boolean; act: Act }) {
  const [token, setToken] = useState<string | null>(null);
  const link = `${window.location.origin}/join-link#${token}`;
  const make = () => act(t('No link was made'), async () => setToken(await newInviteLink()));
  const end = async () => {
    if (await act(t('The link was not turned off'), endInviteLink)) setToken(null);
  };
  return (
    <section aria-labelledby="link-heading">
      <h2 id="link-heading" className={own.heading}>
        {t('Invite link')}
      </h2>
      <p className={own.note}>
        {isOn
          ? t(
              'Whoever has the link can join with the default role. It is shown only when it is made: whoever lost it makes a new one, and the former works no more.',
            )
          : t('Off. With a link, whoever has it can join with the default role.')}
      </p>
      {isOn && token !== null ? (
        <Group gap={8} mb={10} wrap="nowrap">
          <TextInput className={own.grow} aria-label={t('Invite link')} value={link} readOnly />
          <CopyButton value={link}>
            {({ copied, copy }) => (
              <Button variant="default" size="sm" onClick={copy}>
                {copied ? t('Copied') : t('Copy')}
              </Button>
            )}
          </CopyButton>
        </Group>
      ) : null}
      <Group gap={8}>
        <Button variant="default" onClick={() => void make()}>
          {isOn ? t('Make a new link') : t('Turn on')}
        </Button>
        {isOn ? (
          <Button variant="subtle" color="red" onClick={() => void end()}>
            {t('Turn off')}
          </Button>
        ) : null}
      </Group>
    </section>
  );
}

function Domains({ domains, act }: { domains: Joining['domains']; act: Act }) {
  const [email, setEmail] = useState('');
  const [busy, setBusy] = useState(false);
  const ask = async () => {
    setBusy(true);
    const address = email.trim();
    const domain = address.slice(address.lastIndexOf('@') + 1);
    if (await act(t('The domain was not asked for'), () => requestDomain(domain, address))) setEmail('');
    setBusy(false);
  };
  return (
    <section aria-labelledby="domains-heading">
      <h2 id="domains-heading" className={own.heading}>
        {t('Approved e-mail domains')}
      </h2>
      <p className={own.note}>
        {t(
          'Everyone with an address at an approved domain can join by themselves, with the default role. Somebody at the domain agrees first, by a link that is sent there.',
        )}
      </p>
      <ul className={lists.lines} aria-label={t('E-mail domains')}>
        {domains.map((domain) => (
          <li key={domain.id} className={lists.line}>
            <div className={lists.main}>
              <strong>{domain.domain}</strong>
              <small>
                {domain.approvedAt
                  ? t('Approved')
                  : t('Waiting for {requestedEmail}', { requestedEmail: domain.requestedEmail })}
              </small>
            </div>
            <Button
              variant="subtle"
              color="red"
              aria-label={t('Remove {domain}', { domain: domain.domain })}
              onClick={() => void act(t('The domain was not removed'), () => removeDomain(domain.id))}
            >
              {t('Remove')}
            </Button>
          </li>
        ))}
      </ul>
      <form
        className={own.domainForm}
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        <TextInput
          className={own.grow}
          label={t('An address at the domain')}
          placeholder="it@acme.com"
          type="email"
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <Button type="submit" size="sm" variant="default" loading={busy} disabled={!email.includes('@')}>
          {t('Ask for approval')}
        </Button>
      </form>
    </section>
  );
}
