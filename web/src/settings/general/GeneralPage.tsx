import { Forbidden } from '../../app/Message.tsx';
import { useMay } from '../../model/store.ts';
import { PeopleFrame } from '../people/PeopleFrame.tsx';
import settings from '../settings.module.css';
import { FileLimits } from './FileLimits.tsx';
import { HistoryDays } from './HistoryDays.tsx';
import { SampleData } from './SampleData.tsx';
import { TrashDays } from './TrashDays.tsx';
import { WorkspaceName } from './WorkspaceName.tsx';
import { t } from '../../language/t.ts';

/** What holds for the whole workspace. */
export function GeneralPage() {
  const keepsWorkspace = useMay('WORKSPACE');
  return (
    <PeopleFrame label={t('General')}>
      <div className={settings.inner}>
        {keepsWorkspace ? (
          <>
            <WorkspaceName />
            <TrashDays />
            <HistoryDays />
            <FileLimits />
            <SampleData />
          </>
        ) : (
          <Forbidden title={t('The workspace is not yours to keep')}>
            {t('Your role lacks the permission to manage the workspace. Ask an administrator.')}
          </Forbidden>
        )}
      </div>
    </PeopleFrame>
  );
}
