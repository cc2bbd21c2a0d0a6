import { Button } from '@mantine/core';
import { formatRelative } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import lists from '../settings/lists.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { askProof } from './askProof.tsx';
import { beginConnecting, connectedSignIns, disconnectSignIn, type ConnectedSignIn } from './providers/providers.ts';
import classes from './security.module.css';

/** The providers of the workspace that a member signs in by; nothing where it has none. */
export function ConnectedSignIns() {
  const { answer, again } = useInquiry('connected sign-ins', connectedSignIns);
  if (!answer || answer.length === 0) return null;
  const connect = ({ providerId, label }: ConnectedSignIn) =>
    askProof(`Connect ${label}`, 'Continue', async (proof) => {
      const { location } = await beginConnecting(providerId, proof);
      window.location.assign(location);
    });
  const disconnect = ({ providerId, label }: ConnectedSignIn) =>
    void disconnectSignIn(providerId)
      .catch((cause: unknown) => announceFailure(`${label} was not disconnected`, cause))
      .finally(again);
  return (
    <section className={classes.section} aria-labelledby="connected">
      <h2 className={classes.heading} id="connected">
        Single sign-on
      </h2>
      <ul className={lists.lines} aria-label="Single sign-on">
        {answer.map((each) => (
          <li key={each.providerId} className={lists.line}>
            <div className={lists.main}>
              <strong>{each.label}</strong>
              <small>
                {each.isConnected
                  ? `Connected${each.email ? ` as ${each.email}` : ''}${each.lastUsedAt ? ` · last used ${formatRelative(each.lastUsedAt)}` : ''}`
                  : 'Not connected'}
              </small>
            </div>
            <Button
              variant="subtle"
              aria-label={`${each.isConnected ? 'Disconnect' : 'Connect'} ${each.label}`}
              onClick={() => (each.isConnected ? disconnect(each) : connect(each))}
            >
              {each.isConnected ? 'Disconnect' : 'Connect'}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
