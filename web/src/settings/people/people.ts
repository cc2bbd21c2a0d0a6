import { gql } from 'urql';
import { requestMetadata } from '../../api/client.ts';
import { ask, perform, run } from '../../model/calls.ts';
import { roleText } from '../../language/standard.ts';

export interface Member {
  id: string;
  name: string;
  email: string;
  avatarUrl: string | null;
  roleId: string;
  isActive: boolean;
  isMe: boolean;
  isEmailVerified: boolean;
  joinedAt: string;
  lastSeenAt: string | null;
}

export interface Invitation {
  id: string;
  email: string;
  roleId: string | null;
  invitedByName: string;
  sentAt: string;
  expiresAt: string;
  isExpired: boolean;
}

export interface Joining {
  isInviteLinkOn: boolean;
  defaultRoleId: string;
  domains: { id: string; domain: string; requestedEmail: string; approvedAt: string | null }[];
}

export interface Role {
  id: string;
  name: string;
}

const ROLES = gql<{ roles: { nodes: (Role & { assignableTo: string[] })[] } }, Record<string, never>>(
  'query Roles { roles { nodes { id name assignableTo } } }',
);

export interface People {
  members: Member[];
  invitations: Invitation[];
  joining: Joining;
  roles: Role[];
  /** Whether the caller may act as members, where the workspace allows it. */
  mayAct: boolean;
}

export async function askPeople(): Promise<People> {
  const [members, invitations, joining, roles, { mayAct }] = await Promise.all([
    ask<Member[]>('members'),
    ask<Invitation[]>('invitations'),
    ask<Joining>('joining'),
    requestMetadata(ROLES, {}),
    ask<{ mayAct: boolean }>('impersonation'),
  ]);
  return {
    members,
    invitations,
    joining,
    roles: roles.roles.nodes.flatMap(({ id, name, assignableTo }) =>
      assignableTo.includes('MEMBERS') ? { id, name: roleText(name) } : [],
    ),
    mayAct,
  };
}

export const setMemberRole = (memberId: string, roleId: string) => run('setMemberRole', { memberId, roleId });
export const setMemberActive = (memberId: string, isActive: boolean) => run('setMemberActive', { memberId, isActive });
export const removeMember = (memberId: string) => run('removeMember', { memberId });
export const inviteMembers = (emails: string[], roleId: string) => run('inviteMembers', { emails, roleId });
export const resendInvitation = (id: string) => run('resendInvitation', { id });
export const revokeInvitation = (id: string) => run('revokeInvitation', { id });
export const newInviteLink = async (): Promise<string> =>
  (await perform<Joining & { token: string }>('newInviteLink', {})).token;
export const endInviteLink = () => run('endInviteLink', {});
export const requestDomain = (domain: string, email: string) => run('requestDomain', { domain, email });
export const removeDomain = (id: string) => run('removeDomain', { id });
