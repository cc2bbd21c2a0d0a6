import { Skeleton } from '@mantine/core';
import { makeAct } from '../act.ts';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import classes from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import { Invitations } from './Invitations.tsx';
import { MemberTable } from './MemberTable.tsx';
import { askPeople } from './people.ts';
import { PeopleFrame } from './PeopleFrame.tsx';
import { WaysToJoin } from './WaysToJoin.tsx';
import { t } from '../../language/t.ts';

export function MembersPage() {
  const { answer, failure, again } = useInquiry('people', askPeople);
  const act = makeAct(again);
  return (
    <PeopleFrame label={t('Members of the workspace')}>
      <div className={classes.inner}>
        {failure ? (
          <ReadFailure what={t('Members')} failure={failure} onRetry={again} />
        ) : answer ? (
          <>
            <MemberTable people={answer} act={act} />
            <Invitations people={answer} act={act} />
            <WaysToJoin joining={answer.joining} act={act} />
          </>
        ) : (
          <Skeleton height={240} />
        )}
      </div>
    </PeopleFrame>
  );
}
