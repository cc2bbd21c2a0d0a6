import { Alert, Button, Group, Select, Textarea } from '@mantine/core';
import { modals } from '@mantine/modals';
import { useState, type FormEvent } from 'react';
import { fetchJson, toFailure, type Failure } from '../../api/failure.ts';
import { beginAnew } from '../../api/leaving.ts';
import { fetchTokens } from '../../api/refresh.ts';
import own from './people.module.css';
import type { Member } from './people.ts';
import { t } from '../../language/t.ts';

const TIMES = [
  { value: '15', label: t('15 minutes') },
  { value: '30', label: t('30 minutes') },
  { value: '60', label: t('An hour') },
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
        label={t('Why')}
        description={t('{name} is told by mail, and it stands in the audit.', { name: member.name || member.email })}
        placeholder={t('Ticket 4711: an opportunity is missing')}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        autosize
        minRows={2}
        data-autofocus
      />
      <Select
        label={t('For how long')}
        data={TIMES}
        value={minutes}
        onChange={(value) => setMinutes(value ?? '30')}
        allowDeselect={false}
      />
      <Group gap={8} justify="flex-end">
        <Button variant="default" onClick={() => modals.closeAll()}>
          {t('Cancel')}
        </Button>
        <Button type="submit" loading={busy} disabled={reason.trim().length < 5}>
          {t('Act as this member')}
        </Button>
      </Group>
    </form>
  );
}

/** Asks why and for how long, then begins the page anew as the member. */
export function actAsMember(member: Member): void {
  modals.open({
    title: t('Act as {name}', { name: member.name || member.email }),
    children: <ActAsMember member={member} />,
  });
}
