import { Button, Group } from '@mantine/core';
import type { NewApp } from './calls.ts';
import { Copy } from './Secret.tsx';
import classes from './security.module.css';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

/** What an app is configured with; the secret is shown here and nowhere else. */
export function AppSecret({ app, onDone }: { app: NewApp; onDone: () => void }) {
  return (
    <div className={classes.setUp}>
      <div>
        <p className={classes.note}>{t('Client id')}</p>
        <div className={classes.setUp}>
          <code className={classes.secret} aria-label={t('Client id')}>
            {app.id}
          </code>
          <Group>
            <Copy text={app.id} label={t('Copy the id')} />
          </Group>
        </div>
      </div>
      {app.secret ? (
        <div>
          <p className={classes.note}>
            {t('Client secret. Copy it now: it is shown only this once, and only its hash is kept.')}
          </p>
          <div className={classes.setUp}>
            <code className={classes.secret} aria-label={t('Client secret')}>
              {app.secret}
            </code>
            <Group>
              <Copy text={app.secret} label={t('Copy the secret')} />
            </Group>
          </div>
        </div>
      ) : (
        <p className={classes.note}>{t('It has no secret: it proves itself with PKCE.')}</p>
      )}
      <p className={classes.note}>
        <Trans
          text={'All else it finds at {value}.'}
          values={{ value: <code>{window.location.origin}/.well-known/oauth-authorization-server</code> }}
        />
      </p>
      <Group gap={8}>
        <Button onClick={onDone}>{t('Done')}</Button>
      </Group>
    </div>
  );
}
