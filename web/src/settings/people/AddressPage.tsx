import { Alert, Badge, Button, Group, Skeleton, TextInput } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useState } from 'react';
import { toFailure, type Failure } from '../../api/failure.ts';
import { Forbidden } from '../../app/Message.tsx';
import { formatRelative } from '../../model/dates.ts';
import { useMay } from '../../model/store.ts';
import { announceFailure } from '../../records/announce.tsx';
import { Copy } from '../../security/Secret.tsx';
import settings from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import { addDomain, askDomains, checkDomain, checkText, leadTo, removeOwnDomain, type Domain } from './domains.ts';
import { PeopleFrame } from './PeopleFrame.tsx';
import classes from './address.module.css';

type Act = (problem: string, work: () => Promise<unknown>) => Promise<void>;

/** Domains of the workspace's own, by which it is reached. */
export function AddressPage() {
  const keepsWorkspace = useMay('WORKSPACE');
  const { answer, failure, again } = useInquiry(keepsWorkspace ? 'domains' : null, askDomains);
  const act: Act = (problem, work) =>
    work()
      .then(() => undefined)
      .catch((cause: unknown) => announceFailure(problem, cause))
      .finally(again);
  const leading = answer?.find(({ isPrimary }) => isPrimary);
  return (
    <PeopleFrame label="Address">
      <div className={settings.inner}>
        {!keepsWorkspace ? (
          <Forbidden title="The address is not yours to keep">
            Your role lacks the permission to manage the workspace. Ask an administrator.
          </Forbidden>
        ) : failure ? (
          <Alert color="red" role="alert">
            {failure.message} {failure.hint}
          </Alert>
        ) : !answer ? (
          <Skeleton height={240} />
        ) : (
          <>
            <section className={classes.section} aria-labelledby="address">
              <h2 className={classes.heading} id="address">
                Address of the workspace
              </h2>
              <p className={classes.note}>
                {leading ? (
                  <>
                    Links in mails lead to <strong>{leading.host}</strong>.
                  </>
                ) : (
                  'The workspace is reached where the server puts it. With a domain of your own it is reached there, and links in mails lead there.'
                )}{' '}
                You are at <strong>{window.location.host}</strong> now.
              </p>
            </section>
            <section className={classes.section} aria-labelledby="own-domains">
              <h2 className={classes.heading} id="own-domains">
                Own domains
              </h2>
              {answer.length === 0 ? (
                <p className={classes.note}>
                  None yet. Point a name such as crm.acme.com to this server, add it here, and prove by a record in its
                  DNS that it is yours.
                </p>
              ) : (
                <ul className={classes.domains} aria-label="Own domains">
                  {answer.map((domain) => (
                    <DomainItem key={domain.id} domain={domain} act={act} again={again} />
                  ))}
                </ul>
              )}
              <NewDomain again={again} />
            </section>
            <section className={classes.section} aria-labelledby="before">
              <h2 className={classes.heading} id="before">
                What another address changes
              </h2>
              <ul className={classes.notes}>
                <li>One signs in anew at each address: a session is for the address that it was begun at.</li>
                <li>
                  Passkeys are made for one address. Make one at the new address, too; whoever has nothing but passkeys
                  should first set up codes by an app.
                </li>
                <li>Identity providers and apps must know the new address before they send people back to it.</li>
                <li>The proxy in front of the server needs a certificate for the domain.</li>
              </ul>
            </section>
          </>
        )}
      </div>
    </PeopleFrame>
  );
}

interface DomainItemProps {
  domain: Domain;
  act: Act;
  again: () => void;
}

function DomainItem({ domain, act, again }: DomainItemProps) {
  const { id, host, provedAt, checkedAt, isPrimary } = domain;
  const [outcome, setOutcome] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const check = async () => {
    setBusy(true);
    await act(`${host} was not checked`, async () => setOutcome(checkText(await checkDomain(id), host)));
    setBusy(false);
  };
  const remove = () =>
    modals.openConfirmModal({
      title: `Remove ${host}?`,
      children:
        provedAt === null
          ? 'It is not proved yet. To have it later it is added again, with another record.'
          : `Nothing is answered at ${host} any more, at once: who works there is signed out, and links that lead there are dead. To have it again it is proved anew.${
              window.location.hostname === host ? ' You are there now.' : ''
            }`,
      labels: { confirm: 'Remove', cancel: 'Keep it' },
      confirmProps: { color: 'red' },
      onConfirm: () => void act(`${host} was not removed`, () => removeOwnDomain(id)),
    });
  const turn = () => void act(`The address was not changed`, () => leadTo(isPrimary ? null : id)).then(again);
  return (
    <li className={classes.domain} aria-label={host}>
      <Group justify="space-between" gap={8}>
        <Group gap={8}>
          <strong className={classes.host}>{host}</strong>
          <Badge variant="light" color={provedAt ? 'teal' : 'yellow'}>
            {provedAt ? 'Open' : 'To be proved'}
          </Badge>
          {isPrimary ? <Badge variant="light">Address of the workspace</Badge> : null}
        </Group>
        <Group gap={8}>
          {provedAt ? (
            <Button variant="default" onClick={turn}>
              {isPrimary ? 'Cease to lead here' : 'Lead here'}
            </Button>
          ) : (
            <Button loading={busy} onClick={() => void check()}>
              Check now
            </Button>
          )}
          <Button variant="default" aria-label={`Remove ${host}`} onClick={remove}>
            Remove
          </Button>
        </Group>
      </Group>
      {provedAt ? (
        <p className={classes.note}>Proved {formatRelative(provedAt)}.</p>
      ) : (
        <Record domain={domain} checkedAt={checkedAt} />
      )}
      <div role="status" className={classes.note}>
        {outcome}
      </div>
    </li>
  );
}

/** What the owner of the domain sets in its DNS. */
function Record({ domain: { record, token }, checkedAt }: { domain: Domain; checkedAt: string | null }) {
  return (
    <>
      <p className={classes.note}>
        Set this TXT record where the DNS of the domain is kept, then check.
        {checkedAt ? ` Last checked ${formatRelative(checkedAt)}.` : ''}
      </p>
      <dl className={classes.record}>
        <dt>Type</dt>
        <dd>TXT</dd>
        <dd />
        <dt>Name</dt>
        <dd>
          <code aria-label="Name of the record">{record}</code>
        </dd>
        <dd>
          <Copy text={record} label="Copy the name" />
        </dd>
        <dt>Value</dt>
        <dd>
          <code aria-label="Value of the record">{token}</code>
        </dd>
        <dd>
          <Copy text={token} label="Copy the value" />
        </dd>
      </dl>
    </>
  );
}

function NewDomain({ again }: { again: () => void }) {
  const [host, setHost] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const add = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await addDomain(host);
      setHost('');
      again();
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <TextInput
        className={classes.grow}
        label="Domain"
        placeholder="crm.acme.com"
        autoCapitalize="none"
        spellCheck={false}
        value={host}
        error={failure && `${failure.message} ${failure.hint ?? ''}`}
        onChange={(event) => setHost(event.currentTarget.value)}
      />
      <Button type="submit" variant="default" loading={busy} disabled={host.trim() === ''}>
        Add
      </Button>
    </form>
  );
}
