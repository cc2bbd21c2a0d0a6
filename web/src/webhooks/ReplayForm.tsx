import { countText } from '../model/formats.ts';
import { Alert, Button, Checkbox, Group, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { formatInstant, localMinute, momentOf } from '../model/dates.ts';
import { announceDone } from '../records/announce.tsx';
import { useInquiry } from '../settings/useInquiry.ts';
import security from '../security/security.module.css';
import { askReplayable, replayWebhook } from './webhooks.ts';
import { t } from '../language/t.ts';

interface ReplayFormProps {
  webhookId: string;
  /** When it began to fail, if it does. */
  since: string | null;
  onDone: () => void;
}

const HOUR_MS = 3_600_000;

/** The events of a time, again. */
export function ReplayForm({ webhookId, since: begin, onDone }: ReplayFormProps) {
  const [since, setSince] = useState(() => localMinute(begin ?? new Date(Date.now() - HOUR_MS).toISOString()));
  const [until, setUntil] = useState('');
  const [onlyDead, setOnlyDead] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const earliest = useInquiry('replayable', askReplayable).answer?.replayableSince ?? null;
  const isTooEarly = earliest !== null && since !== '' && Date.parse(momentOf(since)) < Date.parse(earliest);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      const end = until === '' ? null : momentOf(until);
      const count = Number(await replayWebhook(webhookId, momentOf(since), end, onlyDead));
      announceDone(
        count === 0
          ? t('Nothing happened in that time')
          : t('{count} of that time are sent again, as far as role and filter let them through', {
              count: countText(count),
            }),
      );
      onDone();
    } catch (cause) {
      setFailure(toFailure(cause));
      setBusy(false);
    }
  };
  return (
    <form className={security.setUp} onSubmit={(event) => void submit(event)}>
      {failure ? (
        <Alert color="red" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      <p className={security.note}>
        {t('Each has the webhook-id that it had, so receivers that leave out what has come already do nothing twice.')}
      </p>
      <TextInput
        type="datetime-local"
        label={t('Since')}
        required
        value={since}
        description={
          earliest === null ? undefined : (
            <>
              {isTooEarly
                ? t('The history reaches back to {earliest}: of what happened before that, nothing is left to send.', {
                    earliest: formatInstant(earliest),
                  })
                : t('The history reaches back to {earliest}.', { earliest: formatInstant(earliest) })}
            </>
          )
        }
        onChange={(event) => setSince(event.currentTarget.value)}
      />
      <TextInput
        type="datetime-local"
        label={t('Until')}
        description={t('Empty for now')}
        value={until}
        onChange={(event) => setUntil(event.currentTarget.value)}
      />
      <Checkbox
        label={t('Only those that were given up')}
        checked={onlyDead}
        onChange={(event) => setOnlyDead(event.currentTarget.checked)}
      />
      <Group>
        <Button type="submit" loading={busy} disabled={since === ''}>
          {t('Send again')}
        </Button>
      </Group>
    </form>
  );
}
