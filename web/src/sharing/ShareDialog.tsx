import { ActionIcon, Alert, Button, Group, Modal, Select, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import { addDays, formatDay, joinInstant, localDay, splitInstant } from '../model/dates.ts';
import type { ModelObject } from '../model/types.ts';
import { announceFailure, offerToTakeBack } from '../records/announce.tsx';
import { useSubmit } from '../settings/formFailure.ts';
import people from '../settings/people/people.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import {
  askShares,
  askWhoHasAccess,
  shareRecords,
  unshareRecord,
  type PrincipalKind,
  type Share,
  type ShareAccess,
} from './sharing.ts';
import classes from './sharing.module.css';
import { usePrincipals } from './usePrincipals.ts';

const KINDS: { [kind in PrincipalKind]: string } = { MEMBER: 'Members', TEAM: 'Teams', ROLE: 'Roles' };
const ACCESS: { value: ShareAccess; label: string }[] = [
  { value: 'READ', label: 'May read' },
  { value: 'WRITE', label: 'May change' },
];

interface ShareDialogProps {
  object: ModelObject;
  ids: string[];
  onClose: () => void;
}

/** With whom records are shared beside what the roles show. Of one record also who sees it, and why. */
export function ShareDialog({ object, ids, onClose }: ShareDialogProps) {
  const [only] = ids.length === 1 ? ids : [];
  const shares = useInquiry(only ?? null, () => askShares(object, only ?? ''));
  const what = only
    ? `this ${object.labelSingular.toLowerCase()}`
    : `${ids.length} ${object.labelPlural.toLowerCase()}`;
  return (
    <Modal opened onClose={onClose} title={`Share ${what}`} size={560}>
      <div className={classes.dialog}>
        <p className={people.note}>
          {object.isPrivate
            ? `${object.labelPlural} are private: each is its creator’s alone until it is shared.`
            : 'A share shows a record to somebody whose role reads this object, but not every record of it. It opens no field that the role hides.'}
        </p>
        <NewShareForm object={object} ids={ids} onShared={only ? shares.again : onClose} />
        {shares.failure ? (
          <Alert color="red" role="alert" title={shares.failure.message}>
            {shares.failure.hint}
          </Alert>
        ) : null}
        {only && shares.answer ? <Shares object={object} id={only} list={shares.answer} again={shares.again} /> : null}
        {only ? (
          <WhoHasAccess
            object={object}
            id={only}
            round={(shares.answer ?? []).map(({ shareId, access }) => shareId + access).join()}
          />
        ) : null}
      </div>
    </Modal>
  );
}

function NewShareForm({ object, ids, onShared }: { object: ModelObject; ids: string[]; onShared: () => void }) {
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
      await shareRecords(object, ids, {
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

function Shares({ object, id, list, again }: { object: ModelObject; id: string; list: Share[]; again: () => void }) {
  const put = (share: Share, access: ShareAccess) => shareRecords(object, [id], { ...share, access });
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
      await unshareRecord(share.shareId);
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

/** Asked for only when somebody wants to know: it looks at each member. */
function WhoHasAccess({ object, id, round }: { object: ModelObject; id: string; round: string }) {
  const [isOpen, setOpen] = useState(false);
  const { answer, failure, busy } = useInquiry(isOpen ? `${id} ${round}` : null, () => askWhoHasAccess(object, id));
  return (
    <section aria-label="Who sees it">
      <Button size="compact-sm" variant="subtle" aria-expanded={isOpen} loading={busy} onClick={() => setOpen(!isOpen)}>
        Who sees it, and why
      </Button>
      {isOpen && failure ? (
        <Alert color="red" role="alert" mt={8}>
          {failure.message} {failure.hint}
        </Alert>
      ) : null}
      {isOpen && answer ? (
        <ul className={classes.list} aria-label="Who sees it, and why">
          {answer.map((each) => (
            <li key={each.memberId}>
              <Avatar label={each.name} seed={each.memberId} size={24} round />
              <span className={people.lines}>
                <strong>{each.name}</strong>
                <small>{each.text}</small>
              </span>
              <span className={classes.may}>{each.canUpdate ? 'May change' : 'May read'}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}
