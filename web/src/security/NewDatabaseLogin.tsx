import { formatDay, localDay } from '../model/dates.ts';
import { Group, Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { connectionString, type NewDatabaseLogin as Login } from './databaseAccess.ts';
import { Copy } from './Secret.tsx';
import classes from './security.module.css';
import { t } from '../language/t.ts';

/** How to connect with a login, shown once: its password is in nothing that is kept. */
export function NewDatabaseLogin({ login, onDone }: { login: Login; onDone: () => void }) {
  const [host, setHost] = useState(window.location.hostname);
  const url = connectionString(login, host);
  const facts = [
    [t('Host'), host],
    [t('Port'), String(login.port)],
    [t('Database'), login.database],
    [t('User'), login.login],
    [t('Password'), login.password],
  ];
  return (
    <div className={classes.setUp}>
      <p className={classes.note}>
        {t('Copy it now: the password is shown only this once. The login works in a moment, and ends on {value}.', {
          value: formatDay(localDay(new Date(login.expiresAt))),
        })}
      </p>
      <TextInput
        label={t('Address of the database server')}
        description={t('As it is reached from where you are; it may be another than that of this page')}
        value={host}
        onChange={(event) => setHost(event.currentTarget.value)}
      />
      <div>
        <h3 className={classes.small} id="psql">
          {t('With psql')}
        </h3>
        <code className={classes.secret} aria-label={t('Connection string')}>
          psql &quot;{url}&quot;
        </code>
      </div>
      <div>
        <h3 className={classes.small} id="bi">
          {t('In a BI tool, as a PostgreSQL connection')}
        </h3>
        <dl className={classes.facts}>
          {facts.map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </div>
      <Group gap={8}>
        <Copy text={url} label={t('Copy the address')} />
        <Copy text={login.password} label={t('Copy the password')} />
        <Button onClick={onDone}>{t('Done')}</Button>
      </Group>
    </div>
  );
}
