import { Alert, Button, Group, Select, Textarea } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useState, type FormEvent } from 'react';
import { fetchJson, toFailure, type Failure } from '../../api/failure.ts';
import { beginAnew } from '../../api/leaving.ts';
import { fetchTokens } from '../../api/refresh.ts';
import own from './people.module.css';
import type { Member } from './people.ts';

const TIMES = [
  { value: '15', label: '15 minutes' },
  { value: '30', label: '30 minutes' },
  { value: '60', label: 'An hour' },
];

function ActAsMember({ member }: { member: Member }) {
  const [reason, setReason] = useState('');
  const [minutes, setMinutes] = useState('30');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await fetchJson('/auth/impersonate', { member: member.id, reason, minutes: Number(minutes) }, fetchTokens);
      beginAnew('/');
    } catch (cause) {
      setFailure(toFailure(cause));
      setBusy(false);
    }
  };
  return (
    <form className={own.form} onSubmit={(event) => void submit(event)} noValidate>
      {failure ? (
        <Alert color="red" variant="light" role="alert" title={failure.message}>
          {failure.hint}
        </Alert>
      ) : null}
      <Textarea
        label="Why"
        description={`${member.name || member.email} is told by mail, and it stands in the audit.`}
        placeholder="Ticket 4711: an opportunity is missing"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        autosize
        minRows={2}
        data-autofocus
      />
      <Select
        label="For how long"
        data={TIMES}
        value={minutes}
        onChange={(value) => setMinutes(value ?? '30')}
        allowDeselect={false}
      />
      <Group gap={8} justify="flex-end">
        <Button variant="default" onClick={() => modals.closeAll()}>
          Cancel
        </Button>
        <Button type="submit" loading={busy} disabled={reason.trim().length < 5}>
          Act as this member
        </Button>
      </Group>
    </form>
  );
}

/** Asks why and for how long, then begins the page anew as the member. */
export function actAsMember(member: Member): void {
  modals.open({ title: `Act as ${member.name || member.email}`, children: <ActAsMember member={member} /> });
}
