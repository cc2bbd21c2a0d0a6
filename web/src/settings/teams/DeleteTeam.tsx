import { Alert, Button, Group, Modal } from '@mantine/core';
import people from '../people/people.module.css';
import settings from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import type { Act } from '../act.ts';
import { askDependents, deleteTeam, type Team, type TeamDependents } from './teams.ts';
import { t } from '../../language/t.ts';

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
      ? t('{members} will not be in it any more, and may see less: rules open the records of a member’s teams.', {
          members: members.join(', '),
        })
      : '',
    teams.length > 0
      ? above
        ? t('{teams} will stand beneath {above} then.', { teams: teams.join(', '), above })
        : t('{teams} will stand beneath no other team then.', { teams: teams.join(', ') })
      : '',
    shares > 0
      ? t(
          '{shares, plural, one {# record shared with it will not be shared with it any more.} other {# records shared with it will not be shared with it any more.}}',
          { shares },
        )
      : '',
  ].filter(Boolean);
}

export function DeleteTeam({ team, above, act, onClose, onDeleted }: DeleteTeamProps) {
  const { answer, failure } = useInquiry(team.id, () => askDependents(team.id));
  const lines = answer ? consequences(answer, above) : [];
  const remove = async () => {
    onClose();
    if (await act(t('“{name}” was not deleted', { name: team.name }), () => deleteTeam(team.id))) onDeleted();
  };
  return (
    <Modal opened onClose={onClose} title={t('Delete the team “{name}”?', { name: team.name })}>
      <div className={settings.form}>
        {failure ? (
          <Alert color="red" role="alert" title={failure.message}>
            {failure.hint}
          </Alert>
        ) : null}
        {answer && lines.length === 0 ? <p className={people.note}>{t('Nothing depends on it.')}</p> : null}
        {lines.map((line) => (
          <p key={line} className={people.note}>
            {line}
          </p>
        ))}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button color="red" disabled={!answer} onClick={() => void remove()}>
            {t('Delete team')}
          </Button>
        </Group>
      </div>
    </Modal>
  );
}
