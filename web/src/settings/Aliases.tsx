import { Button } from '@mantine/core';
import type { ModelAlias } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import classes from './editor.module.css';
import { proposeChanges } from './planStore.ts';

/** Former API names, which programs may still use, and their release. */
export function Aliases({ aliases }: { aliases: ModelAlias[] }) {
  if (aliases.length === 0) return null;
  const release = (alias: ModelAlias) =>
    proposeChanges(`Release the name “${alias.name}”`, [{ op: 'delete', table: 'aliases', id: alias.id }], {
      verb: 'Release',
    }).catch((cause: unknown) => announceFailure(`“${alias.name}” was not released`, cause));
  return (
    <section className={classes.aliases} aria-label="Former API names">
      <h3 className={classes.groupLabel}>Former API names, which still work</h3>
      <ul>
        {aliases.map((alias) => (
          <li key={alias.id}>
            <code>{alias.name}</code>
            <Button
              variant="subtle"
              color="gray"
              aria-label={`Release ${alias.name}`}
              onClick={() => void release(alias)}
            >
              Release
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
