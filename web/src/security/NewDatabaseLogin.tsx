import { Group, Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { connectionString, type NewDatabaseLogin as Login } from './databaseAccess.ts';
import { Copy } from './Secret.tsx';
import classes from './security.module.css';

/** How to connect with a login, shown once: its password is in nothing that is kept. */
export function NewDatabaseLogin({ login, onDone }: { login: Login; onDone: () => void }) {
  const [host, setHost] = useState(window.location.hostname);
  const url = connectionString(login, host);
  const facts = [
    ['Host', host],
    ['Port', String(login.port)],
    ['Database', login.database],
    ['User', login.login],
    ['Password', login.password],
  ];
  return (
    <div className={classes.setUp}>
      <p className={classes.note}>
        Copy it now: the password is shown only this once. The login works in a moment, and ends on{' '}
        {new Date(login.expiresAt).toLocaleDateString(undefined, { dateStyle: 'medium' })}.
      </p>
      <TextInput
        label="Address of the database server"
        description="As it is reached from where you are; it may be another than that of this page"
        value={host}
        onChange={(event) => setHost(event.currentTarget.value)}
      />
      <div>
        <h3 className={classes.small} id="psql">
          With psql
        </h3>
        <code className={classes.secret} aria-label="Connection string">
          psql &quot;{url}&quot;
        </code>
      </div>
      <div>
        <h3 className={classes.small} id="bi">
          In a BI tool, as a PostgreSQL connection
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
        <Copy text={url} label="Copy the address" />
        <Copy text={login.password} label="Copy the password" />
        <Button onClick={onDone}>Done</Button>
      </Group>
    </div>
  );
}
