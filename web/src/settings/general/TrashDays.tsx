import { Button, NumberInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { toFailure } from '../../api/failure.ts';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import { useInquiry } from '../useInquiry.ts';
import classes from './general.module.css';
import { setTrashDays, trashDays } from './general.ts';
import { t } from '../../language/t.ts';

/** How long the trash keeps what was deleted, before the nightly job destroys it. */
export function TrashDays() {
  const { answer, failure, again } = useInquiry('trash days', trashDays);
  const [draft, setDraft] = useState<number | string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  if (failure) return <ReadFailure what={t('Trash')} failure={failure} onRetry={again} />;
  if (answer === null) return null;
  const days = draft ?? answer;
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      await setTrashDays(Number(days));
      notifications.show({ message: t('Saved.') });
      setDraft(null);
      again();
    } catch (cause) {
      const { message, hint } = toFailure(cause);
      setError([message, hint].filter(Boolean).join(' '));
    }
    setBusy(false);
  };
  return (
    <section className={classes.section} aria-labelledby="general-trash">
      <h2 id="general-trash">{t('Trash')}</h2>
      <form
        className={classes.days}
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <NumberInput
          label={t('Days that deleted records are kept')}
          description={t('Each night a job destroys what was deleted before. Restoring is not possible after that.')}
          min={1}
          max={3650}
          allowDecimal={false}
          value={days}
          error={error}
          onChange={setDraft}
        />
        <Button type="submit" loading={busy} disabled={draft === null || draft === '' || Number(draft) === answer}>
          {t('Save')}
        </Button>
      </form>
    </section>
  );
}
