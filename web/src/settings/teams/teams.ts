import { gql } from 'urql';
import { requestMetadata } from '../../api/client.ts';
import { ask } from '../../model/calls.ts';

export interface Team {
  id: string;
  name: string;
  description: string;
  parentTeamId: string | null;
}

export interface TeamMember {
  id: string;
  teamId: string;
  memberId: string;
  isLead: boolean;
}

export interface Person {
  id: string;
  name: string;
  email: string;
  avatarUrl: string | null;
  isActive: boolean;
}

export interface Teams {
  teams: Team[];
  memberships: TeamMember[];
  people: Person[];
}

interface Answer {
  teams: { nodes: Team[] };
  teamMembers: { nodes: TeamMember[] };
}

const TEAMS = gql<Answer, Record<string, never>>(`query Teams {
  teams { nodes { id name description parentTeamId } }
  teamMembers { nodes { id teamId memberId isLead } }
}`);

export async function askTeams(): Promise<Teams> {
  const [{ teams, teamMembers }, people] = await Promise.all([requestMetadata(TEAMS, {}), ask<Person[]>('members')]);
  return {
    teams: teams.nodes.toSorted((a, b) => a.name.localeCompare(b.name)),
    memberships: teamMembers.nodes,
    people,
  };
}

/** A team where it stands in the tree. */
export interface Branch {
  team: Team;
  level: number;
  children: Branch[];
}

export function treeOf(teams: Team[], parentId: string | null = null, level = 1): Branch[] {
  return teams
    .filter((team) => team.parentTeamId === parentId)
    .map((team) => ({ team, level, children: treeOf(teams, team.id, level + 1) }));
}

/** The team and all beneath it: where it cannot be moved to. */
export function withBeneath(teams: Team[], id: string): Set<string> {
  const found = new Set([id]);
  for (const child of teams)
    if (child.parentTeamId === id) for (const each of withBeneath(teams, child.id)) found.add(each);
  return found;
}

export interface TeamDependents {
  teams: string[];
  members: string[];
  shares: number;
}

export const askDependents = (teamId: string): Promise<TeamDependents> =>
  ask('teamDependents', { teamId: 'UUID' }, { teamId });

type Values = { [name: string]: unknown };

const call = (text: string, variables: Values): Promise<unknown> =>
  requestMetadata(gql<unknown, Values>(text), variables);

export async function createTeam(team: { name: string; parentTeamId: string | null }): Promise<string> {
  const document = gql<{ createTeam: { team: { id: string } } }, Values>(
    'mutation CreateTeam($team: TeamInput!) { createTeam(input: { team: $team }) { team { id } } }',
  );
  return (await requestMetadata(document, { team })).createTeam.team.id;
}

export const updateTeam = (id: string, patch: Partial<Omit<Team, 'id'>>) =>
  call(
    'mutation UpdateTeam($id: UUID!, $patch: TeamPatch!) { updateTeam(input: { id: $id, patch: $patch }) { clientMutationId } }',
    { id, patch },
  );

export const deleteTeam = (id: string) =>
  call('mutation DeleteTeam($id: UUID!) { deleteTeam(input: { id: $id }) { clientMutationId } }', { id });

export const addTeamMember = (teamId: string, memberId: string) =>
  call(
    'mutation AddTeamMember($member: TeamMemberInput!) { createTeamMember(input: { teamMember: $member }) { clientMutationId } }',
    { member: { teamId, memberId } },
  );

export const setTeamLead = (id: string, isLead: boolean) =>
  call(
    'mutation SetTeamLead($id: UUID!, $patch: TeamMemberPatch!) { updateTeamMember(input: { id: $id, patch: $patch }) { clientMutationId } }',
    { id, patch: { isLead } },
  );

export const removeTeamMember = (id: string) =>
  call('mutation RemoveTeamMember($id: UUID!) { deleteTeamMember(input: { id: $id }) { clientMutationId } }', { id });
