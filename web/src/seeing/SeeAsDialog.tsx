import { Alert, Button, Group, Modal, SegmentedControl, Select } from '@mantine/core';
import { useState } from 'react';
import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { ask } from '../model/calls.ts';
import { may } from '../model/store.ts';
import { useSubmit } from '../settings/formFailure.ts';
import people from '../settings/people/people.module.css';
import settings from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { seeAs, useSeeAs } from './seeing.ts';
import { t } from '../language/t.ts';
import { roleText } from '../language/standard.ts';

interface Choices {
  roles: { id: string; name: string }[];
  members: { id: string; name: string; email: string; isActive: boolean; isMe: boolean }[];
}

const ROLES = gql<{ roles: { nodes: Choices['roles'] } }, Record<string, never>>(
  'query Roles { roles { nodes { id name } } }',
);

async function askChoices(): Promise<Choices> {
  const [{ roles }, members] = await Promise.all([
    requestMetadata(ROLES, {}),
    may('WORKSPACE_MEMBERS') ? ask<Choices['members']>('members') : [],
  ]);
  const named = roles.nodes.map(({ id, name }) => ({ id, name: roleText(name) }));
  return { roles: named.toSorted((a, b) => a.name.localeCompare(b.name)), members };
}

/** Whose view to see: that of a role, as one who has it would see it, or that of a member. */
export default function SeeAsDialog() {
  const isOpen = useSeeAs((state) => state.isOpen);
  return isOpen ? <Choice onClose={() => useSeeAs.setState({ isOpen: false })} /> : null;
}

function Choice({ onClose }: { onClose: () => void }) {
  const { answer, failure } = useInquiry('views', askChoices);
  const [kind, setKind] = useState<'role' | 'member'>('role');
  const [chosen, setChosen] = useState<string | null>(null);
  const { busy, submit, problem } = useSubmit();
  const data =
    kind === 'role'
      ? (answer?.roles ?? []).map(({ id, name }) => ({ value: id, label: name }))
      : (answer?.members ?? [])
          .filter((member) => member.isActive && !member.isMe)
          .map(({ id, name, email }) => ({ value: id, label: name ? `${name} (${email})` : email }));
  const trouble = problem ?? (failure ? [failure.message, failure.hint].filter(Boolean).join(' ') : null);
  return (
    <Modal opened onClose={onClose} title={t('See as somebody else')}>
      <form
        className={settings.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (chosen) void submit(() => seeAs(kind === 'role' ? { roleId: chosen } : { memberId: chosen }));
        }}
      >
        <p className={people.note}>
          {t(
            'All pages, lists and searches are then as the role or the member has them, to read only. Private records of others stay theirs.',
          )}
        </p>
        {answer && answer.members.length > 0 ? (
          <SegmentedControl
            aria-label={t('Whose view')}
            data={[
              { value: 'role', label: t('A role') },
              { value: 'member', label: t('A member') },
            ]}
            value={kind}
            onChange={(value) => {
              setKind(value as typeof kind);
              setChosen(null);
            }}
          />
        ) : null}
        <Select
          key={kind}
          label={kind === 'role' ? t('Role') : t('Member')}
          placeholder={kind === 'role' ? t('Choose a role') : t('Choose a member')}
          searchable
          limit={100}
          data={data}
          value={chosen}
          onChange={setChosen}
          data-autofocus
        />
        {trouble ? (
          <Alert color="red" role="alert">
            {trouble}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button type="submit" loading={busy} disabled={!chosen}>
            {t('See')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
