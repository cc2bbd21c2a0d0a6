import { Forbidden } from '../../app/Message.tsx';
import { useMay } from '../../model/store.ts';
import { PeopleFrame } from '../people/PeopleFrame.tsx';
import settings from '../settings.module.css';
import { HistoryDays } from './HistoryDays.tsx';
import { TrashDays } from './TrashDays.tsx';
import { WorkspaceName } from './WorkspaceName.tsx';

/** What holds for the whole workspace. */
export function GeneralPage() {
  const keepsWorkspace = useMay('WORKSPACE');
  return (
    <PeopleFrame label="General">
      <div className={settings.inner}>
        {keepsWorkspace ? (
          <>
            <WorkspaceName />
            <TrashDays />
            <HistoryDays />
          </>
        ) : (
          <Forbidden title="The workspace is not yours to keep">
            Your role lacks the permission to manage the workspace. Ask an administrator.
          </Forbidden>
        )}
      </div>
    </PeopleFrame>
  );
}
