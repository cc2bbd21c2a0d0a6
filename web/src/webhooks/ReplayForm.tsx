import { Alert, Button, Checkbox, Group, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { formatInstant } from '../model/dates.ts';
import { announceDone } from '../records/announce.tsx';
import { useInquiry } from '../settings/useInquiry.ts';
import security from '../security/security.module.css';
import { askReplayable, replayWebhook } from './webhooks.ts';

interface ReplayFormProps {
  webhookId: string;
  /** When it began to fail, if it does. */
  since: string | null;
  onDone: () => void;
}

const HOUR_MS = 3_600_000;

/** As an input of the browser has it: in local time, to the minute. */
const local = (moment: Date) =>
  new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** The events of a time, again. */
export function ReplayForm({ webhookId, since: begin, onDone }: ReplayFormProps) {
  const [since, setSince] = useState(() => local(begin ? new Date(begin) : new Date(Date.now() - HOUR_MS)));
  const [until, setUntil] = useState('');
  const [onlyDead, setOnlyDead] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const earliest = useInquiry('replayable', askReplayable).answer?.replayableSince ?? null;
  const isTooEarly = earliest !== null && since !== '' && Date.parse(since) < Date.parse(earliest);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      const end = until === '' ? null : new Date(until).toISOString();
      const count = Number(await replayWebhook(webhookId, new Date(since).toISOString(), end, onlyDead));
      announceDone(
        count === 0
          ? 'Nothing happened in that time'
          : `${count.toLocaleString('en')} of that time are sent again, as far as role and filter let them through`,
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
        Each has the webhook-id that it had, so receivers that leave out what has come already do nothing twice.
      </p>
      <TextInput
        type="datetime-local"
        label="Since"
        required
        value={since}
        description={
          earliest === null ? undefined : (
            <>
              The history reaches back to {formatInstant(earliest)}
              {isTooEarly ? ': of what happened before that, nothing is left to send.' : '.'}
            </>
          )
        }
        onChange={(event) => setSince(event.currentTarget.value)}
      />
      <TextInput
        type="datetime-local"
        label="Until"
        description="Empty for now"
        value={until}
        onChange={(event) => setUntil(event.currentTarget.value)}
      />
      <Checkbox
        label="Only those that were given up"
        checked={onlyDead}
        onChange={(event) => setOnlyDead(event.currentTarget.checked)}
      />
      <Group>
        <Button type="submit" loading={busy} disabled={since === ''}>
          Send again
        </Button>
      </Group>
    </form>
  );
}
