import { Button, MultiSelect, Select, Skeleton, Switch } from '@mantine/core';
import { modals } from '@mantine/modals';
import { Link } from '@tanstack/react-router';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { useInquiry } from '../settings/useInquiry.ts';
import {
  endSessionsWithoutFactor,
  rolesFor,
  securitySettings,
  setMfaEnforced,
  setMfaRoles,
  setSessionRules,
  type SecuritySettings,
} from './calls.ts';
import classes from './security.module.css';
import { roleText } from '../language/standard.ts';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

/** Hours, as people say them. What the workspace has in psql beside these is offered, too. */
const LENGTHS = [1, 8, 12, 24, 72, 168, 336, 720, 1440, 2160, 4320, 8760];
const DAYS = [0, 1, 7, 14, 30, 90, 365];

function lengthText(hours: number): string {
  if (hours < 24 || hours % 24 !== 0) return hours === 1 ? t('1 hour') : t('{hours} hours', { hours });
  return hours === 24 ? t('1 day') : t('{hours} days', { hours: hours / 24 });
}
const daysText = (days: number): string => (days === 0 ? t('Not at all') : lengthText(days * 24));

const choices = (offered: number[], present: number, text: (value: number) => string) =>
  [...new Set([...offered, present])]
    .sort((a, b) => a - b)
    .map((value) => ({ value: String(value), label: text(value) }));

/** What the workspace asks of its members' sign-in, for those who keep its security. */
export function SecurityRules({ onChanged }: { onChanged: () => void }) {
  const rules = useInquiry('security settings', securitySettings);
  const allRoles = useInquiry('roles', () => rolesFor('MEMBERS'));
  const change = async (work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (cause) {
      announceFailure(t('The setting was not changed'), cause);
    }
    rules.again();
    onChanged();
  };
  const failure = rules.failure ?? allRoles.failure;
  const again = () => {
    rules.again();
    allRoles.again();
  };
  if (failure) return <ReadFailure what={t('Rules of the sign-in')} failure={failure} onRetry={again} />;
  if (!rules.answer || !allRoles.answer) return <Skeleton height={220} />;
  const { isMfaEnforced, mfaRoleIds, sessionHours, sessionIdleHours, trustedDeviceDays } = rules.answer;
  const times = { sessionHours, sessionIdleHours, trustedDeviceDays };
  return (
    <>
      <section className={classes.section} aria-labelledby="factor-rules">
        <h2 className={classes.heading} id="factor-rules">
          {t('Second factor')}
        </h2>
        <div className={classes.rules}>
          <Switch
            label={t('All members sign in with a second factor')}
            description={t('A passkey or a code of an app. Who has none is led to set one up at the next sign-in.')}
            checked={isMfaEnforced}
            onChange={(event) => {
              const { checked } = event.currentTarget;
              void change(() => setMfaEnforced(checked));
            }}
          />
          {isMfaEnforced ? null : (
            <MultiSelect
              label={t('Members with these roles do')}
              placeholder={mfaRoleIds.length === 0 ? t('No role') : undefined}
              data={allRoles.answer.map((role) => ({ value: role.id, label: roleText(role.name) }))}
              value={mfaRoleIds}
              onChange={(roleIds) => void change(() => setMfaRoles(roleIds))}
            />
          )}
          <WithoutFactor rules={rules.answer} onEnd={() => void change(endSessionsWithoutFactor)} />
        </div>
      </section>
      <section className={classes.section} aria-labelledby="session-rules">
        <h2 className={classes.heading} id="session-rules">
          {t('How long a sign-in is good')}
        </h2>
        <div className={classes.rules}>
          <Select
            label={t('Members sign in again after')}
            data={choices(LENGTHS, sessionHours, lengthText)}
            value={String(sessionHours)}
            allowDeselect={false}
            onChange={(value) => void change(() => setSessionRules({ ...times, sessionHours: Number(value) }))}
          />
          <Select
            label={t('Or sooner, when they have not worked for')}
            data={choices(LENGTHS, sessionIdleHours, lengthText)}
            value={String(sessionIdleHours)}
            allowDeselect={false}
            onChange={(value) => void change(() => setSessionRules({ ...times, sessionIdleHours: Number(value) }))}
          />
          <Select
            label={t('A device may go without the second factor for')}
            data={choices(DAYS, trustedDeviceDays, daysText)}
            value={String(trustedDeviceDays)}
            allowDeselect={false}
            onChange={(value) => void change(() => setSessionRules({ ...times, trustedDeviceDays: Number(value) }))}
          />
          <p className={classes.note}>
            <Trans
              text={
                'Shorter times hold at once, also for who is signed in now. How people become members stands under <0>Members</0>.'
              }
              tags={{ 0: <Link to="/settings/members" /> }}
            />
          </p>
        </div>
      </section>
    </>
  );
}

function WithoutFactor({ rules, onEnd }: { rules: SecuritySettings; onEnd: () => void }) {
  const { membersWithoutFactor: members = 0, sessionsWithoutFactor: sessions = 0 } = rules;
  if (members === 0) return <p className={classes.note}>{t('Every member has a second factor.')}</p>;
  const end = () =>
    modals.openConfirmModal({
      title: t('{sessions, plural, one {Sign out one session?} other {Sign out # sessions?}}', { sessions }),
      children: t('Members who must have a second factor and have none are led to set one up when they sign in again.'),
      labels: { confirm: t('Sign out'), cancel: t('Not now') },
      onConfirm: onEnd,
    });
  return (
    <div className={classes.setUp}>
      <p className={classes.note}>
        {sessions > 0
          ? t(
              '{members, plural, one {One member has} other {# members have}} no second factor, and {sessions, plural, one {one session goes} other {# sessions go}} on without the one that is wanted.',
              { members, sessions },
            )
          : t('{members, plural, one {One member has no second factor.} other {# members have no second factor.}}', {
              members,
            })}
      </p>
      {sessions > 0 ? (
        <div>
          <Button variant="default" onClick={end}>
            {t('Sign them out')}
          </Button>
        </div>
      ) : null}
    </div>
  );
}
