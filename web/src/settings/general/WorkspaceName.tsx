import { Button, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { toFailure } from '../../api/failure.ts';
import { useSession } from '../../session/session.ts';
import classes from './general.module.css';
import { renameWorkspace } from './general.ts';
import { t } from '../../language/t.ts';

/** What members read at the top, and others in mails and when they sign in. */
export function WorkspaceName() {
  const workspace = useSession((state) => state.identity?.workspace);
  const [draft, setDraft] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  if (!workspace) return null;
  const name = draft ?? workspace.name;
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      const kept = name.trim();
      await renameWorkspace(kept);
      useSession.setState(({ identity }) => ({
        identity: identity && { ...identity, workspace: { ...identity.workspace, name: kept } },
      }));
      notifications.show({ message: t('The name is saved.') });
      setDraft(null);
    } catch (cause) {
      const { message, hint } = toFailure(cause);
      setError([message, hint].filter(Boolean).join(' '));
    }
    setBusy(false);
  };
  return (
    <section className={classes.section} aria-labelledby="general-name">
      <h2 id="general-name">{t('Name')}</h2>
      <form
        className={classes.days}
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <TextInput
          label={t('Name of the workspace')}
          description={t(
            'Members read it at the top, others in mails and when they sign in. The address stays as it is.',
          )}
          maxLength={100}
          value={name}
          error={error}
          onChange={(event) => setDraft(event.currentTarget.value)}
          autoComplete="off"
        />
        <Button type="submit" loading={busy} disabled={name.trim() === '' || name.trim() === workspace.name}>
          {t('Save')}
        </Button>
      </form>
    </section>
  );
}
