import { Button, Skeleton } from '@mantine/core';
import { makeAct } from '../act.ts';
import { IconPlus, IconUsersGroup } from '@tabler/icons-react';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { Message } from '../../app/Message.tsx';
import { usePhone } from '../../app/phone.ts';
import { PeopleFrame } from '../people/PeopleFrame.tsx';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import settings from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import { NewTeam } from './NewTeam.tsx';
import { TeamPanel } from './TeamPanel.tsx';
import { TeamTree } from './TeamTree.tsx';
import { askTeams, treeOf } from './teams.ts';
import classes from './teams.module.css';
import { t } from '../../language/t.ts';

export function TeamsPage() {
  const phone = usePhone();
  const navigate = useNavigate();
  const { team: chosen } = useSearch({ strict: false });
  const { answer, failure, again } = useInquiry('teams', askTeams);
  /** Beneath which team a new one is made; null for beneath none. */
  const [creating, setCreating] = useState<{ parentTeamId: string | null } | null>(null);
  const choose = (id: string | null) =>
    void navigate({ to: '/settings/teams', search: id ? { team: id } : {}, replace: !phone });
  const act = makeAct(again);
  const team = answer?.teams.find((each) => each.id === chosen);
  const branches = treeOf(answer?.teams ?? []);

  return (
    <PeopleFrame
      label={t('Teams')}
      actions={
        answer ? (
          <Button leftSection={<IconPlus size={14} stroke={2.2} />} onClick={() => setCreating({ parentTeamId: null })}>
            {t('New team')}
          </Button>
        ) : null
      }
    >
      <div className={settings.inner}>
        {failure ? (
          <ReadFailure what={t('Teams')} failure={failure} onRetry={again} />
        ) : !answer ? (
          <Skeleton height={240} />
        ) : branches.length === 0 ? (
          <Message
            icon={<IconUsersGroup size={22} stroke={1.5} />}
            title={t('No teams yet')}
            actions={<Button onClick={() => setCreating({ parentTeamId: null })}>{t('Make the first team')}</Button>}
          >
            {t(
              'Rules of roles can open the records of a member’s teams, and those of the teams that the member leads. Records can be shared with a team.',
            )}
          </Message>
        ) : (
          <>
            {phone && team ? null : (
              <p className={settings.intro}>
                {t(
                  'Rules of roles can open the records of a member’s teams. Who leads a team also sees the teams beneath it, where a rule says so.',
                )}
              </p>
            )}
            <div className={classes.columns} data-open={team ? true : undefined}>
              {phone && team ? null : (
                <TeamTree branches={branches} teams={answer} chosen={team?.id ?? null} onChoose={choose} />
              )}
              {team ? (
                <TeamPanel
                  key={team.id}
                  team={team}
                  all={answer}
                  act={act}
                  onBack={() => choose(null)}
                  onNewBeneath={() => setCreating({ parentTeamId: team.id })}
                />
              ) : phone ? null : (
                <p className={classes.hint}>{t('Choose a team to see who is in it.')}</p>
              )}
            </div>
          </>
        )}
      </div>
      {creating && answer ? (
        <NewTeam
          all={answer}
          parentTeamId={creating.parentTeamId}
          onClose={() => setCreating(null)}
          onCreated={(id) => {
            again();
            choose(id);
          }}
        />
      ) : null}
    </PeopleFrame>
  );
}
