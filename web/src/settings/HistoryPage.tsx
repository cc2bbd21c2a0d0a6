import { History } from './History.tsx';
import { SettingsFrame } from './SettingsFrame.tsx';
import classes from './settings.module.css';
import { t } from '../language/t.ts';

export function HistoryPage() {
  return (
    <SettingsFrame>
      <div className={classes.page} tabIndex={0} role="region" aria-label={t('History of the model')}>
        <div className={classes.inner}>
          <History />
        </div>
      </div>
    </SettingsFrame>
  );
}
