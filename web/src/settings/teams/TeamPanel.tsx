import { ActionIcon, Button, Select, Switch, Textarea, TextInput } from '@mantine/core';
import { IconChevronLeft, IconPlus, IconTrash, IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { usePhone } from '../../app/phone.ts';
import { Avatar } from '../../fields/Avatar.tsx';
import { offerToTakeBack } from '../../records/announce.tsx';
import people from '../people/people.module.css';
import { DeleteTeam } from './DeleteTeam.tsx';
import type { Act } from '../act.ts';
import {
  addTeamMember,
  removeTeamMember,
  setTeamLead,
  updateTeam,
  withBeneath,
  type Person,
  type Team,
  type TeamMember,
  type Teams,
} from './teams.ts';
import classes from './teams.module.css';
import { t } from '../../language/t.ts';

interface TeamPanelProps {
  team: Team;
  all: Teams;
  act: Act;
  onBack: () => void;
  onNewBeneath: () => void;
}

const nameOf = (person: Person | undefined): string => person?.name || person?.email || t('Somebody');

/** One team: what it is called, where it stands, and who is in it. Each change holds at once. */
export function TeamPanel({ team, all, act, onBack, onNewBeneath }: TeamPanelProps) {
  const phone = usePhone();
  const [name, setName] = useState(team.name);
  const [description, setDescription] = useState(team.description);
  const [deleting, setDeleting] = useState(false);
  const own = withBeneath(all.teams, team.id);
  const members = all.memberships
    .filter((each) => each.teamId === team.id)
    .map((membership) => ({ membership, person: all.people.find((each) => each.id === membership.memberId) }))
    .sort(
      (a, b) =>
        Number(b.membership.isLead) - Number(a.membership.isLead) || nameOf(a.person).localeCompare(nameOf(b.person)),
    );

  const rename = async () => {
    if (name.trim() === team.name) return;
    if (!(await act(t('The team was not renamed'), () => updateTeam(team.id, { name: name.trim() }))))
      setName(team.name);
  };
  const describe = () => {
    if (description !== team.description)
      void act(t('This was not saved'), () => updateTeam(team.id, { description: description.trim() }));
  };
  const take = async (membership: TeamMember, person: Person | undefined) => {
    const title = t('{person} was not taken out of the team', { person: nameOf(person) });
    if (await act(title, () => removeTeamMember(membership.id)))
      offerToTakeBack(
        t('{person} is not in {name} any more', { person: nameOf(person), name: team.name }),
        async () => {
          await act(t('{person} was not put back', { person: nameOf(person) }), () =>
            addTeamMember(team.id, membership.memberId),
          );
        },
      );
  };

  return (
    <section className={classes.panel} aria-label={t('Team {name}', { name: team.name })}>
      {phone ? (
        <Button
          variant="subtle"
          color="gray"
          className={classes.back}
          leftSection={<IconChevronLeft size={15} />}
          onClick={onBack}
        >
          {t('All teams')}
        </Button>
      ) : null}
      <div className={classes.form}>
        <TextInput
          label={t('Name')}
          value={name}
          maxLength={100}
          onChange={(event) => setName(event.currentTarget.value)}
          onBlur={() => void rename()}
          onKeyDown={(event) => {
            if (event.key === 'Enter') event.currentTarget.blur();
          }}
        />
        <Select
          label={t('Beneath')}
          placeholder={t('No other team')}
          clearable
          searchable
          data={all.teams.filter((each) => !own.has(each.id)).map((each) => ({ value: each.id, label: each.name }))}
          value={team.parentTeamId}
          onChange={(parentTeamId) =>
            void act(t('The team was not moved'), () => updateTeam(team.id, { parentTeamId }))
          }
        />
        <Textarea
          label={t('What it is for')}
          autosize
          minRows={1}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
          onBlur={describe}
        />
      </div>
      <h2 className={people.heading}>{t('Members')}</h2>
      <AddMember all={all} team={team} act={act} />
      {members.length === 0 ? <p className={classes.hint}>{t('Nobody is in this team yet.')}</p> : null}
      <ul className={classes.members} aria-label={t('Members of {name}', { name: team.name })}>
        {members.map(({ membership, person }) => (
          <li key={membership.id}>
            <Avatar label={nameOf(person)} seed={membership.memberId} size={26} round />
            <span className={people.lines}>
              <strong>{nameOf(person)}</strong>
              <small>
                {person && !person.isActive ? t('{email} · deactivated', { email: person?.email }) : `${person?.email}`}
              </small>
            </span>
            <Switch
              size="xs"
              label={t('Leads')}
              aria-label={t('{person} leads the team', { person: nameOf(person) })}
              checked={membership.isLead}
              onChange={(event) => {
                const { checked } = event.currentTarget;
                void act(t('This was not changed'), () => setTeamLead(membership.id, checked));
              }}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('Take {person} out of the team', { person: nameOf(person) })}
              onClick={() => void take(membership, person)}
            >
              <IconX size={15} />
            </ActionIcon>
          </li>
        ))}
      </ul>
      <div className={classes.foot}>
        <Button variant="default" leftSection={<IconPlus size={14} />} onClick={onNewBeneath}>
          {t('New team beneath')}
        </Button>
        <Button variant="subtle" color="red" leftSection={<IconTrash size={14} />} onClick={() => setDeleting(true)}>
          {t('Delete team')}
        </Button>
      </div>
      {deleting ? (
        <DeleteTeam
          team={team}
          above={all.teams.find((each) => each.id === team.parentTeamId)?.name}
          act={act}
          onClose={() => setDeleting(false)}
          onDeleted={onBack}
        />
      ) : null}
    </section>
  );
}

/** Whoever is not in it yet, by name or address; also somebody who is in other teams. */
function AddMember({ all, team, act }: { all: Teams; team: Team; act: Act }) {
  const [query, setQuery] = useState('');
  const outside = all.people.filter(
    (person) =>
      person.isActive && !all.memberships.some((each) => each.teamId === team.id && each.memberId === person.id),
  );
  return (
    <Select
      aria-label={t('Add a member')}
      placeholder={outside.length === 0 ? t('All members are in it') : t('Add a member')}
      disabled={outside.length === 0}
      searchable
      limit={50}
      nothingFoundMessage={t('No member is called so')}
      data={outside.map((person) => ({
        value: person.id,
        label: person.name ? `${person.name} (${person.email})` : person.email,
      }))}
      value={null}
      searchValue={query}
      onSearchChange={setQuery}
      onChange={(id) => {
        setQuery('');
        if (id) void act(t('The member was not added'), () => addTeamMember(team.id, id));
      }}
    />
  );
}
