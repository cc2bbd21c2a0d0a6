import { Alert, Skeleton } from '@mantine/core';
import { announceFailure } from '../../records/announce.tsx';
import classes from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import { Invitations } from './Invitations.tsx';
import { MemberTable } from './MemberTable.tsx';
import { askPeople } from './people.ts';
import { PeopleFrame } from './PeopleFrame.tsx';
import { WaysToJoin } from './WaysToJoin.tsx';

/** Does something and shows the lists as they are then; true when it worked. */
export type Act = (title: string, work: () => Promise<unknown>) => Promise<boolean>;

export function MembersPage() {
  const { answer, failure, again } = useInquiry('people', askPeople);
  const act: Act = async (title, work) => {
    try {
      await work();
      return true;
    } catch (cause) {
      announceFailure(title, cause);
      return false;
    } finally {
      again();
    }
  };
  return (
    <PeopleFrame label="Members">
      <div className={classes.inner}>
        {failure ? (
          <Alert color="red" role="alert" title={failure.message}>
            {failure.hint}
          </Alert>
        ) : null}
        {answer ? (
          <>
            <MemberTable people={answer} act={act} />
            <Invitations people={answer} act={act} />
            <WaysToJoin joining={answer.joining} act={act} />
          </>
        ) : failure ? null : (
          <Skeleton height={240} />
        )}
      </div>
    </PeopleFrame>
  );
}
