import { Button, Group, Skeleton, Switch, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconCircleCheck, IconRefresh } from '@tabler/icons-react';
import { useState } from 'react';
import { Message } from '../app/Message.tsx';
import { drift, resolveDrift, type Drift } from '../model/inquiries.ts';
import { useWholeModel } from '../model/store.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import classes from './lists.module.css';
import plan from './plan.module.css';
import { SettingsFrame } from './SettingsFrame.tsx';
import page from './settings.module.css';
import { useInquiry } from './useInquiry.ts';
import { t } from '../language/t.ts';

const PROPOSALS = {
  REPAIR: { label: t('Repair'), hint: t('Make the database as the model says') },
  ADOPT: { label: t('Adopt'), hint: t('Make the model say what the database has') },
  IGNORE: { label: t('Ignore…'), hint: t('Leave it, until it changes again') },
} as const;

function DriftItem({ item, onResolved }: { item: Drift; onResolved: () => void }) {
  const [busy, setBusy] = useState(false);
  const [asks, setAsks] = useState<'IGNORE' | 'REPAIR' | null>(null);
  const [reason, setReason] = useState('');
  const isDropped = item.statements.some((statement) => /^drop table|^alter table \S+ drop column/.test(statement));
  const act = async (how: 'ADOPT' | 'REPAIR' | 'IGNORE', why = '') => {
    setBusy(true);
    try {
      await resolveDrift(item, how, why);
      notifications.show({
        message:
          how === 'IGNORE' ? t('Left as it is.') : how === 'ADOPT' ? t('The model says so now.') : t('Repaired.'),
      });
      onResolved();
    } catch (cause) {
      announceFailure(t('Nothing was changed'), cause);
    }
    setBusy(false);
  };
  const choose = (how: 'ADOPT' | 'REPAIR' | 'IGNORE') => {
    if (how === 'IGNORE' || (how === 'REPAIR' && isDropped)) setAsks(how);
    else void act(how);
  };
  return (
    <li className={classes.drift} data-inactive={item.isIgnored || undefined}>
      <div className={classes.driftHead}>
        <span className={page.badge}>{item.kind.toLowerCase().replaceAll('_', ' ')}</span>
        <strong>{[item.objectName, item.name].filter(Boolean).join(' · ')}</strong>
        {item.isIgnored ? <span className={classes.dim}>{t('ignored')}</span> : null}
      </div>
      <p>{item.detail}</p>
      {item.statements.length > 0 ? (
        <pre className={plan.sql} aria-label={t('What a repair runs')} tabIndex={0}>
          {item.statements.join('\n')}
        </pre>
      ) : null}
      {asks === null ? (
        <Group gap={6} mt={8}>
          {item.proposals.map((how) => (
            <Button
              key={how}
              variant={how === 'REPAIR' && !isDropped ? 'filled' : 'default'}
              title={PROPOSALS[how].hint}
              loading={busy}
              disabled={how === 'IGNORE' && item.isIgnored}
              onClick={() => choose(how)}
            >
              {how === 'REPAIR' && isDropped ? t('Repair…') : PROPOSALS[how].label}
            </Button>
          ))}
        </Group>
      ) : asks === 'IGNORE' ? (
        <form
          className={classes.ask}
          onSubmit={(event) => {
            event.preventDefault();
            void act('IGNORE', reason.trim());
          }}
        >
          <TextInput
            size="xs"
            flex="1 1 220px"
            label={t('Why it may stay')}
            placeholder={t('Added for the reporting team')}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            autoFocus
          />
          <Button type="submit" loading={busy}>
            {t('Ignore')}
          </Button>
          <Button variant="default" onClick={() => setAsks(null)}>
            {t('Cancel')}
          </Button>
        </form>
      ) : (
        <div className={classes.ask}>
          <span className={classes.asked}>
            {t('It is dropped with all that it holds, and nothing brings that back.')}
          </span>
          <Button color="red" loading={busy} onClick={() => void act('REPAIR')}>
            {t('Drop it')}
          </Button>
          <Button variant="default" onClick={() => setAsks(null)}>
            {t('Cancel')}
          </Button>
        </div>
      )}
    </li>
  );
}

/** Where the database is not as the model says, because somebody changed it by hand. */
export function DriftPage() {
  const model = useWholeModel();
  const { answer, failure, busy, again } = useInquiry(`drift ${model.version}`, drift);
  const [showsIgnored, setShowsIgnored] = useState(false);
  const ignored = answer?.filter((item) => item.isIgnored).length ?? 0;
  const items = answer?.filter((item) => showsIgnored || !item.isIgnored) ?? [];
  return (
    <SettingsFrame
      actions={
        <Button variant="default" leftSection={<IconRefresh size={14} />} loading={busy} onClick={again}>
          {t('Look again')}
        </Button>
      }
    >
      <div className={page.page} tabIndex={0} role="region" aria-label={t('Drift')}>
        <div className={page.inner}>
          <p className={page.intro}>
            {t(
              'The model says how the tables should be. Here is where they are not, because somebody changed them by hand.',
            )}
          </p>
          {failure ? (
            <ReadFailure what={t('Drift')} failure={failure} onRetry={again} />
          ) : !answer ? (
            <Skeleton height={120} />
          ) : (
            <>
              {ignored > 0 ? (
                <Switch
                  size="xs"
                  mb="sm"
                  label={t('{ignored, plural, one {Show # ignored difference} other {Show # ignored differences}}', {
                    ignored,
                  })}
                  checked={showsIgnored}
                  onChange={(event) => setShowsIgnored(event.currentTarget.checked)}
                />
              ) : null}
              {items.length === 0 ? (
                <Message
                  icon={<IconCircleCheck size={22} stroke={1.5} />}
                  title={t('The database is as the model says')}
                />
              ) : (
                <ul className={classes.drifts} aria-label={t('Differences')}>
                  {items.map((item) => (
                    <DriftItem key={`${item.kind} ${item.key}`} item={item} onResolved={again} />
                  ))}
                </ul>
              )}
            </>
          )}
        </div>
      </div>
    </SettingsFrame>
  );
}
