import { Button, NumberInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { toFailure } from '../../api/failure.ts';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import { useInquiry } from '../useInquiry.ts';
import classes from './general.module.css';
import { eventRetention, setEventRetention } from './general.ts';
import { t } from '../../language/t.ts';

/** How long the histories of records are kept, before the nightly job drops what is older; empty for ever. */
export function HistoryDays() {
  const { answer, failure, again } = useInquiry('history days', eventRetention);
  const [draft, setDraft] = useState<number | string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  if (failure) return <ReadFailure what={t('History')} failure={failure} onRetry={again} />;
  if (answer === null) return null;
  const days = draft ?? answer.days ?? '';
  const isShorter = draft !== null && draft !== '' && (answer.days === null || Number(draft) < answer.days);
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      await setEventRetention(days === '' ? null : Number(days));
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
    <section className={classes.section} aria-labelledby="general-history">
      <h2 id="general-history">{t('History')}</h2>
      <form
        className={classes.days}
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <NumberInput
          label={t('Days that histories are kept')}
          description={t(
            'Who changed what and when. Empty keeps it for ever; what is older than 90 days is compressed and stays readable.',
          )}
          placeholder={t('For ever')}
          min={1}
          max={36500}
          allowDecimal={false}
          value={days}
          error={error}
          onChange={setDraft}
        />
        <Button
          type="submit"
          color={isShorter ? 'red' : undefined}
          loading={busy}
          disabled={draft === null || draft === (answer.days ?? '')}
        >
          {isShorter ? t('Drop what is older than {draft} days', { draft }) : t('Save')}
        </Button>
      </form>
    </section>
  );
}
