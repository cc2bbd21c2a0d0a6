import { ActionIcon, Alert, Button, Group, Select, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconX } from '@tabler/icons-react';
import { useRef, useState } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import { addDays, formatDay, joinInstant, localDay, splitInstant } from '../model/dates.ts';
import { announceFailure, offerToTakeBack } from '../records/announce.tsx';
import { useSubmit } from '../settings/formFailure.ts';
import people from '../settings/people/people.module.css';
import type { NewShare, PrincipalKind, Share, ShareAccess } from './sharing.ts';
import classes from './sharing.module.css';
import { usePrincipals } from './usePrincipals.ts';
import { t } from '../language/t.ts';

const KINDS: { [kind in PrincipalKind]: string } = { MEMBER: t('Members'), TEAM: t('Teams'), ROLE: t('Roles') };
const ACCESS: { value: ShareAccess; label: string }[] = [
  { value: 'READ', label: t('May read') },
  { value: 'WRITE', label: t('May change') },
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
      notifications.show({ message: t('Shared with {label}.', { label: chosen.label }) });
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
        label={t('With')}
        placeholder={t('A member, a team or a role')}
        searchable
        clearable
        nothingFoundMessage={t('Nobody is called so')}
        data={data}
        value={chosen?.value ?? null}
        onSearchChange={find}
        onChange={(id) => setChosen(all.find(({ value }) => value === id) ?? null)}
        data-autofocus
      />
      <Select
        label={t('Access')}
        allowDeselect={false}
        data={ACCESS}
        value={access}
        onChange={(value) => value && setAccess(value as ShareAccess)}
      />
      <TextInput
        label={t('Until')}
        type="date"
        min={localDay(new Date())}
        value={until}
        onChange={(event) => setUntil(event.currentTarget.value)}
      />
      <TextInput
        className={classes.wide}
        label={t('Reason')}
        placeholder={t('Seen by those with whom it is shared, and in its history')}
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
          {t('Share')}
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
  /** What is being changed and not read again yet: who ends a share then gets that back. */
  const changed = useRef(new Map<string, ShareAccess>());
  const change = async (share: Share, access: ShareAccess) => {
    changed.current.set(share.shareId, access);
    try {
      await put(share, access);
    } catch (cause) {
      changed.current.delete(share.shareId);
      throw cause;
    }
  };
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
      offerToTakeBack(t('Not shared with {principalName} any more', { principalName: share.principalName }), () =>
        run(t('Not shared again'), () => put(share, changed.current.get(share.shareId) ?? share.access)),
      );
    } catch (cause) {
      announceFailure(t('The share was not ended'), cause);
    }
    again();
  };
  return (
    <section aria-label={t('Shared with')}>
      <h3 className={classes.heading}>{t('Shared with')}</h3>
      {list.length === 0 ? <p className={people.note}>{t('Nobody yet.')}</p> : null}
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
                {share.principalKind === 'MEMBER'
                  ? `${share.principalName}`
                  : share.principalKind === 'TEAM'
                    ? t('Team {principalName}', { principalName: share.principalName })
                    : t('Role {principalName}', { principalName: share.principalName })}
              </strong>
              <small>
                {[
                  share.reason,
                  share.createdByName ? t('by {createdByName}', { createdByName: share.createdByName }) : '',
                  share.expiresAt
                    ? t('until {day}', { day: formatDay(addDays(splitInstant(share.expiresAt).day, -1)) })
                    : '',
                ]
                  .filter(Boolean)
                  .join(' · ')}
              </small>
            </span>
            <Select
              size="xs"
              className={classes.access}
              aria-label={t('Access of {principalName}', { principalName: share.principalName })}
              allowDeselect={false}
              data={ACCESS}
              value={share.access}
              onChange={(access) => {
                if (access && access !== share.access)
                  void run(t('The access was not changed'), () => change(share, access as ShareAccess));
              }}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('Stop sharing with {principalName}', { principalName: share.principalName })}
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
