import { Badge, Button, Group, Skeleton, TextInput } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useState } from 'react';
import { toFailure, type Failure } from '../../api/failure.ts';
import { Forbidden } from '../../app/Message.tsx';
import { formatRelative } from '../../model/dates.ts';
import { useMay } from '../../model/store.ts';
import { announceFailure } from '../../records/announce.tsx';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import { Copy } from '../../security/Secret.tsx';
import settings from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import { addDomain, askDomains, checkDomain, checkText, leadTo, removeOwnDomain, type Domain } from './domains.ts';
import { PeopleFrame } from './PeopleFrame.tsx';
import classes from './address.module.css';
import { t } from '../../language/t.ts';
import { Trans } from '../../language/Trans.tsx';

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
    <PeopleFrame label={t('Address')}>
      <div className={settings.inner}>
        {!keepsWorkspace ? (
          <Forbidden title={t('The address is not yours to keep')}>
            {t('Your role lacks the permission to manage the workspace. Ask an administrator.')}
          </Forbidden>
        ) : failure ? (
          <ReadFailure what={t('Own domains')} failure={failure} onRetry={again} />
        ) : !answer ? (
          <Skeleton height={240} />
        ) : (
          <>
            <section className={classes.section} aria-labelledby="address">
              <h2 className={classes.heading} id="address">
                {t('Address of the workspace')}
              </h2>
              <p className={classes.note}>
                {leading ? (
                  <>
                    <Trans
                      text={'Links in mails lead to <0>{host}</0>.'}
                      values={{ host: leading.host }}
                      tags={{ 0: <strong /> }}
                    />
                  </>
                ) : (
                  t(
                    'The workspace is reached where the server puts it. With a domain of your own it is reached there, and links in mails lead there.',
                  )
                )}{' '}
                <Trans
                  text={'You are at <0>{host}</0> now.'}
                  values={{ host: window.location.host }}
                  tags={{ 0: <strong /> }}
                />
              </p>
            </section>
            <section className={classes.section} aria-labelledby="own-domains">
              <h2 className={classes.heading} id="own-domains">
                {t('Own domains')}
              </h2>
              {answer.length === 0 ? (
                <p className={classes.note}>
                  {t(
                    'None yet. Point a name such as crm.acme.com to this server, add it here, and prove by a record in its DNS that it is yours.',
                  )}
                </p>
              ) : (
                <ul className={classes.domains} aria-label={t('Own domains')}>
                  {answer.map((domain) => (
                    <DomainItem key={domain.id} domain={domain} act={act} again={again} />
                  ))}
                </ul>
              )}
              <NewDomain again={again} />
            </section>
            <section className={classes.section} aria-labelledby="before">
              <h2 className={classes.heading} id="before">
                {t('What another address changes')}
              </h2>
              <ul className={classes.notes}>
                <li>{t('One signs in anew at each address: a session is for the address that it was begun at.')}</li>
                <li>
                  {t(
                    'Passkeys are made for one address. Make one at the new address, too; whoever has nothing but passkeys should first set up codes by an app.',
                  )}
                </li>
                <li>
                  {t('Identity providers and apps must know the new address before they send people back to it.')}
                </li>
                <li>{t('The proxy in front of the server needs a certificate for the domain.')}</li>
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
    await act(t('{host} was not checked', { host }), async () => setOutcome(checkText(await checkDomain(id), host)));
    setBusy(false);
  };
  const remove = () =>
    modals.openConfirmModal({
      title: t('Remove {host}?', { host }),
      children:
        provedAt === null
          ? t('It is not proved yet. To have it later it is added again, with another record.')
          : window.location.hostname === host
            ? t(
                'Nothing is answered at {host} any more, at once: who works there is signed out, and links that lead there are dead. To have it again it is proved anew. You are there now.',
                { host },
              )
            : t(
                'Nothing is answered at {host} any more, at once: who works there is signed out, and links that lead there are dead. To have it again it is proved anew.',
                { host },
              ),
      labels: { confirm: t('Remove'), cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () => void act(t('{host} was not removed', { host }), () => removeOwnDomain(id)),
    });
  const turn = () => void act(t('The address was not changed'), () => leadTo(isPrimary ? null : id)).then(again);
  return (
    <li className={classes.domain} aria-label={host}>
      <Group justify="space-between" gap={8}>
        <Group gap={8}>
          <strong className={classes.host}>{host}</strong>
          <Badge variant="light" color={provedAt ? 'teal' : 'yellow'}>
            {provedAt ? t('Open') : t('To be proved')}
          </Badge>
          {isPrimary ? <Badge variant="light">{t('Address of the workspace')}</Badge> : null}
        </Group>
        <Group gap={8}>
          {provedAt ? (
            <Button variant="default" onClick={turn}>
              {isPrimary ? t('Cease to lead here') : t('Lead here')}
            </Button>
          ) : (
            <Button loading={busy} onClick={() => void check()}>
              {t('Check now')}
            </Button>
          )}
          <Button variant="default" aria-label={t('Remove {host}', { host })} onClick={remove}>
            {t('Remove')}
          </Button>
        </Group>
      </Group>
      {provedAt ? (
        <p className={classes.note}>{t('Proved {provedAt}.', { provedAt: formatRelative(provedAt) })}</p>
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
        {checkedAt
          ? t('Set this TXT record where the DNS of the domain is kept, then check. Last checked {checkedAt}.', {
              checkedAt: formatRelative(checkedAt),
            })
          : t('Set this TXT record where the DNS of the domain is kept, then check.')}
      </p>
      <dl className={classes.record}>
        <dt>{t('Type')}</dt>
        <dd>{t('TXT')}</dd>
        <dd />
        <dt>{t('Name')}</dt>
        <dd>
          <code aria-label={t('Name of the record')}>{record}</code>
        </dd>
        <dd>
          <Copy text={record} label={t('Copy the name')} />
        </dd>
        <dt>{t('Value')}</dt>
        <dd>
          <code aria-label={t('Value of the record')}>{token}</code>
        </dd>
        <dd>
          <Copy text={token} label={t('Copy the value')} />
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
        label={t('Domain')}
        placeholder="crm.acme.com"
        autoCapitalize="none"
        spellCheck={false}
        value={host}
        error={failure && `${failure.message} ${failure.hint ?? ''}`}
        onChange={(event) => setHost(event.currentTarget.value)}
      />
      <Button type="submit" variant="default" loading={busy} disabled={host.trim() === ''}>
        {t('Add')}
      </Button>
    </form>
  );
}
