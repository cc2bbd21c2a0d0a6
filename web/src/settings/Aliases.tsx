import { Button } from '@mantine/core';
import type { ModelAlias } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import classes from './editor.module.css';
import { proposeChanges } from './planStore.ts';
import { t } from '../language/t.ts';

/** Former API names, which programs may still use, and their release. */
export function Aliases({ aliases }: { aliases: ModelAlias[] }) {
  if (aliases.length === 0) return null;
  const release = (alias: ModelAlias) =>
    proposeChanges(
      t('Release the name “{name}”', { name: alias.name }),
      [{ op: 'delete', table: 'aliases', id: alias.id }],
      {
        verb: t('Release'),
      },
    ).catch((cause: unknown) => announceFailure(t('“{name}” was not released', { name: alias.name }), cause));
  return (
    <section className={classes.aliases} aria-label={t('Former API names')}>
      <h3 className={classes.groupLabel}>{t('Former API names, which still work')}</h3>
      <ul>
        {aliases.map((alias) => (
          <li key={alias.id}>
            <code>{alias.name}</code>
            <Button
              variant="subtle"
              color="gray"
              aria-label={t('Release {name}', { name: alias.name })}
              onClick={() => void release(alias)}
            >
              {t('Release')}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
