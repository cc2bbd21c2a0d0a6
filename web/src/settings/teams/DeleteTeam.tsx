import { Alert, Button, Group, Modal } from '@mantine/core';
import { count } from '../planText.ts';
import people from '../people/people.module.css';
import settings from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import type { Act } from '../act.ts';
import { askDependents, deleteTeam, type Team, type TeamDependents } from './teams.ts';

interface DeleteTeamProps {
  team: Team;
  /** The team that it is beneath. */
  above: string | undefined;
  act: Act;
  onClose: () => void;
  onDeleted: () => void;
}

function consequences({ teams, members, shares }: TeamDependents, above: string | undefined): string[] {
  return [
    members.length > 0
      ? `${members.join(', ')} will not be in it any more, and may see less: rules open the records of a member’s teams.`
      : '',
    teams.length > 0
      ? `${teams.join(', ')} will stand ${above ? `beneath ${above}` : 'beneath no other team'} then.`
      : '',
    shares > 0 ? `${count(shares, 'record')} shared with it will not be shared with it any more.` : '',
  ].filter(Boolean);
}

export function DeleteTeam({ team, above, act, onClose, onDeleted }: DeleteTeamProps) {
  const { answer, failure } = useInquiry(team.id, () => askDependents(team.id));
  const lines = answer ? consequences(answer, above) : [];
  const remove = async () => {
    onClose();
    if (await act(`“${team.name}” was not deleted`, () => deleteTeam(team.id))) onDeleted();
  };
  return (
    <Modal opened onClose={onClose} title={`Delete the team “${team.name}”?`}>
      <div className={settings.form}>
        {failure ? (
          <Alert color="red" role="alert" title={failure.message}>
            {failure.hint}
          </Alert>
        ) : null}
        {answer && lines.length === 0 ? <p className={people.note}>Nothing depends on it.</p> : null}
        {lines.map((line) => (
          <p key={line} className={people.note}>
            {line}
          </p>
        ))}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button color="red" disabled={!answer} onClick={() => void remove()}>
            Delete team
          </Button>
        </Group>
      </div>
    </Modal>
  );
}
