import { Button } from '@mantine/core';
import { formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import lists from '../settings/lists.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { askProof } from './askProof.tsx';
import { beginConnecting, connectedSignIns, disconnectSignIn, type ConnectedSignIn } from './providers/providers.ts';
import classes from './security.module.css';
import { t } from '../language/t.ts';

/** The providers of the workspace that a member signs in by; nothing where it has none. */
export function ConnectedSignIns() {
  const { answer, failure, again } = useInquiry('connected sign-ins', connectedSignIns);
  if (failure) return <ReadFailure what={t('Single sign-on')} failure={failure} onRetry={again} />;
  if (!answer || answer.length === 0) return null;
  const connect = ({ providerId, label }: ConnectedSignIn) =>
    askProof(t('Connect {label}', { label }), t('Continue'), async (proof) => {
      const { location } = await beginConnecting(providerId, proof);
      window.location.assign(location);
    });
  const disconnect = ({ providerId, label }: ConnectedSignIn) =>
    void disconnectSignIn(providerId)
      .catch((cause: unknown) => announceFailure(t('{label} was not disconnected', { label }), cause))
      .finally(again);
  return (
    <section className={classes.section} aria-labelledby="connected">
      <h2 className={classes.heading} id="connected">
        {t('Single sign-on')}
      </h2>
      <ul className={lists.lines} aria-label={t('Single sign-on')}>
        {answer.map((each) => (
          <li key={each.providerId} className={lists.line}>
            <div className={lists.main}>
              <strong>{each.label}</strong>
              <small>
                {each.isConnected
                  ? each.email
                    ? each.lastUsedAt
                      ? t('Connected as {email} · last used {lastUsedAt}', {
                          email: each.email,
                          lastUsedAt: formatRelative(each.lastUsedAt),
                        })
                      : t('Connected as {email}', { email: each.email })
                    : each.lastUsedAt
                      ? t('Connected · last used {lastUsedAt}', { lastUsedAt: formatRelative(each.lastUsedAt) })
                      : t('Connected')
                  : t('Not connected')}
              </small>
            </div>
            <Button
              variant="subtle"
              aria-label={
                each.isConnected
                  ? t('Disconnect {label}', { label: each.label })
                  : t('Connect {label}', { label: each.label })
              }
              onClick={() => (each.isConnected ? disconnect(each) : connect(each))}
            >
              {each.isConnected ? t('Disconnect') : t('Connect')}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
