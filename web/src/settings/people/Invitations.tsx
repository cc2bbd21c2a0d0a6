import { Button, Group, Select, Textarea } from '@mantine/core';
import { useState } from 'react';
import { formatRelative } from '../../model/dates.ts';
import lists from '../lists.module.css';
import type { Act } from '../act.ts';
import { inviteMembers, resendInvitation, revokeInvitation, type People } from './people.ts';
import own from './people.module.css';
import { t } from '../../language/t.ts';

export function Invitations({ people: { invitations, roles, joining }, act }: { people: People; act: Act }) {
  const [text, setText] = useState('');
  const [roleId, setRoleId] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const emails = text.split(/[\s,;]+/).filter(Boolean);
  const roleName = (id: string | null) => roles.find((role) => role.id === (id ?? joining.defaultRoleId))?.name;

  const invite = async () => {
    setBusy(true);
    const role = roleId ?? joining.defaultRoleId;
    const worked = await act(t('Nobody was invited'), () => inviteMembers(emails, role));
    if (worked) setText('');
    setBusy(false);
  };

  return (
    <section aria-labelledby="invitations-heading">
      <h2 id="invitations-heading" className={own.heading}>
        {t('Invitations')}
      </h2>
      <form
        className={own.inviteForm}
        onSubmit={(event) => {
          event.preventDefault();
          void invite();
        }}
      >
        <Textarea
          label={t('E-mail addresses')}
          placeholder="ada@acme.com, grace@acme.com"
          autosize
          minRows={1}
          maxRows={6}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Select
          label={t('Role')}
          data={roles.map(({ id, name }) => ({ value: id, label: name }))}
          value={roleId ?? joining.defaultRoleId}
          allowDeselect={false}
          onChange={setRoleId}
        />
        <Button type="submit" size="sm" loading={busy} disabled={emails.length === 0}>
          {emails.length > 1 ? t('Invite {count} people', { count: emails.length }) : t('Invite')}
        </Button>
      </form>
      <ul className={lists.lines} aria-label={t('Open invitations')}>
        {invitations.map((invitation) => (
          <li key={invitation.id} className={lists.line} data-inactive={invitation.isExpired || undefined}>
            <div className={lists.main}>
              <strong>{invitation.email}</strong>
              <small>
                {invitation.isExpired
                  ? t('{roleId} · sent {sentAt} by {invitedByName} · expired', {
                      roleId: roleName(invitation.roleId) ?? '',
                      sentAt: formatRelative(invitation.sentAt),
                      invitedByName: invitation.invitedByName,
                    })
                  : t('{roleId} · sent {sentAt} by {invitedByName} · ends {expiresAt}', {
                      roleId: roleName(invitation.roleId) ?? '',
                      sentAt: formatRelative(invitation.sentAt),
                      invitedByName: invitation.invitedByName,
                      expiresAt: formatRelative(invitation.expiresAt),
                    })}
              </small>
            </div>
            <Group gap={4} wrap="nowrap">
              <Button
                variant="subtle"
                aria-label={t('Send the invitation to {email} again', { email: invitation.email })}
                onClick={() => void act(t('The invitation was not sent again'), () => resendInvitation(invitation.id))}
              >
                {t('Send again')}
              </Button>
              <Button
                variant="subtle"
                color="red"
                aria-label={t('Revoke the invitation to {email}', { email: invitation.email })}
                onClick={() => void act(t('The invitation was not revoked'), () => revokeInvitation(invitation.id))}
              >
                {t('Revoke')}
              </Button>
            </Group>
          </li>
        ))}
      </ul>
    </section>
  );
}
