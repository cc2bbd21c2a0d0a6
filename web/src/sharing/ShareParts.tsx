import { ActionIcon, Alert, Button, Group, Select, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import { addDays, formatDay, joinInstant, localDay, splitInstant } from '../model/dates.ts';
import { announceFailure, offerToTakeBack } from '../records/announce.tsx';
import { useSubmit } from '../settings/formFailure.ts';
import people from '../settings/people/people.module.css';
import type { NewShare, PrincipalKind, Share, ShareAccess } from './sharing.ts';
import classes from './sharing.module.css';
import { usePrincipals } from './usePrincipals.ts';

const KINDS: { [kind in PrincipalKind]: string } = { MEMBER: 'Members', TEAM: 'Teams', ROLE: 'Roles' };
const ACCESS: { value: ShareAccess; label: string }[] = [
  { value: 'READ', label: 'May read' },
  { value: 'WRITE', label: 'May change' },
];

/** With whom, to what end and until when something is shared. */
export function NewShareForm({
  share: give,
  onShared,
}: {
  share: (share: NewShare) => Promise<unknown>;
  onShared: () => void;
}) {
  const { principals, find } = usePrincipals('ALL');
  const [chosen, setChosen] = useState<{ value: string; label: string; kind: PrincipalKind } | null>(null);
  const [access, setAccess] = useState<ShareAccess>('READ');
  const [reason, setReason] = useState('');
  const [until, setUntil] = useState('');
  const { busy, submit, problem } = useSubmit();
  const found = principals.map(({ kind, id, name }) => ({ value: id, label: name, kind }));
  // What was chosen stays a choice, whatever is searched for next.
  const all = chosen && !found.some(({ value }) => value === chosen.value) ? [chosen, ...found] : found;
  const data = (['MEMBER', 'TEAM', 'ROLE'] as const)
    .map((kind) => ({ group: KINDS[kind], items: all.filter((each) => each.kind === kind) }))
    .filter(({ items }) => items.length > 0);
  const share = () =>
    submit(async () => {
      if (!chosen) return;
      // Until a day means to its end.
      const expiresAt = until === '' ? null : joinInstant(addDays(until, 1), '00:00');
      await give({
        principalKind: chosen.kind,
        principalId: chosen.value,
        access,
        reason: reason.trim(),
        expiresAt,
      });
      notifications.show({ message: `Shared with ${chosen.label}.` });
      setChosen(null);
      setReason('');
      setUntil('');
      onShared();
    });
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        void share();
      }}
    >
      <Select
        className={classes.wide}
        label="With"
        placeholder="A member, a team or a role"
        searchable
        clearable
        nothingFoundMessage="Nobody is called so"
        data={data}
        value={chosen?.value ?? null}
        onSearchChange={find}
        onChange={(id) => setChosen(all.find(({ value }) => value === id) ?? null)}
        data-autofocus
      />
      <Select
        label="Access"
        allowDeselect={false}
        data={ACCESS}
        value={access}
        onChange={(value) => value && setAccess(value as ShareAccess)}
      />
      <TextInput
        label="Until"
        type="date"
        min={localDay(new Date())}
        value={until}
        onChange={(event) => setUntil(event.currentTarget.value)}
      />
      <TextInput
        className={classes.wide}
        label="Reason"
        placeholder="Seen by those with whom it is shared, and in its history"
        maxLength={500}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      {problem ? (
        <Alert color="red" role="alert" className={classes.wide}>
          {problem}
        </Alert>
      ) : null}
      <Group justify="flex-end" className={classes.wide}>
        <Button type="submit" loading={busy} disabled={!chosen}>
          Share
        </Button>
      </Group>
    </form>
  );
}

/** Those with whom something is shared, each to be changed and ended. */
export function Shares({
  list,
  give,
  end: stop,
  again,
}: {
  list: Share[];
  give: (share: NewShare) => Promise<unknown>;
  end: (shareId: string) => Promise<unknown>;
  again: () => void;
}) {
  const put = (share: Share, access: ShareAccess) => give({ ...share, access });
  const run = async (title: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (cause) {
      announceFailure(title, cause);
    }
    again();
  };
  const end = async (share: Share) => {
    try {
      await stop(share.shareId);
      offerToTakeBack(`Not shared with ${share.principalName} any more`, () =>
        run('Not shared again', () => put(share, share.access)),
      );
    } catch (cause) {
      announceFailure('The share was not ended', cause);
    }
    again();
  };
  return (
    <section aria-label="Shared with">
      <h3 className={classes.heading}>Shared with</h3>
      {list.length === 0 ? <p className={people.note}>Nobody yet.</p> : null}
      <ul className={classes.list}>
        {list.map((share) => (
          <li key={share.shareId}>
            <Avatar
              label={share.principalName}
              seed={share.principalId}
              size={24}
              round={share.principalKind === 'MEMBER'}
            />
            <span className={people.lines}>
              <strong>
                {share.principalKind === 'MEMBER' ? '' : `${share.principalKind === 'TEAM' ? 'Team' : 'Role'} `}
                {share.principalName}
              </strong>
              <small>
                {[
                  share.reason,
                  share.createdByName ? `by ${share.createdByName}` : '',
                  share.expiresAt ? `until ${formatDay(addDays(splitInstant(share.expiresAt).day, -1))}` : '',
                ]
                  .filter(Boolean)
                  .join(' · ')}
              </small>
            </span>
            <Select
              size="xs"
              className={classes.access}
              aria-label={`Access of ${share.principalName}`}
              allowDeselect={false}
              data={ACCESS}
              value={share.access}
              onChange={(access) => {
                if (access && access !== share.access)
                  void run('The access was not changed', () => put(share, access as ShareAccess));
              }}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`Stop sharing with ${share.principalName}`}
              onClick={() => void end(share)}
            >
              <IconX size={15} />
            </ActionIcon>
          </li>
        ))}
      </ul>
    </section>
  );
}
