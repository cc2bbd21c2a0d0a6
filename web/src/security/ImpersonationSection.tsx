import { Switch } from '@mantine/core';
import { ask, run } from '../model/calls.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { useInquiry } from '../settings/useInquiry.ts';
import classes from './security.module.css';
import { t } from '../language/t.ts';

/** Whether somebody may act as members of the workspace. */
export function ImpersonationSection() {
  const { answer, failure, again } = useInquiry('impersonation rules', () =>
    ask<{ isAllowed: boolean }>('impersonation'),
  );
  const allow = async (isAllowed: boolean) => {
    try {
      await run('setImpersonationAllowed', { isAllowed });
    } catch (cause) {
      announceFailure(t('The setting was not changed'), cause);
    }
    again();
  };
  if (failure) return <ReadFailure what={t('This setting')} failure={failure} onRetry={again} />;
  return (
    <section className={classes.section}>
      <Switch
        label={t('Administrators may act as members')}
        description={t(
          'For an hour at most and with a reason, to help. The member gets a mail, and what they change bears both names. Roles with the permission may, too.',
        )}
        checked={answer?.isAllowed ?? false}
        disabled={!answer}
        onChange={(event) => void allow(event.currentTarget.checked)}
      />
    </section>
  );
}
