import { Button, Group } from '@mantine/core';
import type { NewApp } from './calls.ts';
import { Copy } from './Secret.tsx';
import classes from './security.module.css';

/** What an app is configured with; the secret is shown here and nowhere else. */
export function AppSecret({ app, onDone }: { app: NewApp; onDone: () => void }) {
  return (
    <div className={classes.setUp}>
      <div>
        <p className={classes.note}>Client id</p>
        <div className={classes.setUp}>
          <code className={classes.secret} aria-label="Client id">
            {app.id}
          </code>
          <Group>
            <Copy text={app.id} label="Copy the id" />
          </Group>
        </div>
      </div>
      {app.secret ? (
        <div>
          <p className={classes.note}>
            Client secret. Copy it now: it is shown only this once, and only its hash is kept.
          </p>
          <div className={classes.setUp}>
            <code className={classes.secret} aria-label="Client secret">
              {app.secret}
            </code>
            <Group>
              <Copy text={app.secret} label="Copy the secret" />
            </Group>
          </div>
        </div>
      ) : (
        <p className={classes.note}>It has no secret: it proves itself with PKCE.</p>
      )}
      <p className={classes.note}>
        All else it finds at <code>{window.location.origin}/.well-known/oauth-authorization-server</code>.
      </p>
      <Group gap={8}>
        <Button onClick={onDone}>Done</Button>
      </Group>
    </div>
  );
}
