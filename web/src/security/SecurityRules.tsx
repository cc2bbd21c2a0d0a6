import { Alert, Button, MultiSelect, Select, Skeleton, Switch } from '@mantine/core';
import { modals } from '@mantine/modals';
import { Link } from '@tanstack/react-router';
import { announceFailure } from '../records/announce.tsx';
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

/** Hours, as people say them. What the workspace has in psql beside these is offered, too. */
const LENGTHS = [1, 8, 12, 24, 72, 168, 336, 720, 1440, 2160, 4320, 8760];
const DAYS = [0, 1, 7, 14, 30, 90, 365];

function lengthText(hours: number): string {
  if (hours < 24 || hours % 24 !== 0) return hours === 1 ? '1 hour' : `${hours} hours`;
  return hours === 24 ? '1 day' : `${hours / 24} days`;
}
const daysText = (days: number): string => (days === 0 ? 'Not at all' : lengthText(days * 24));

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
      announceFailure('The setting was not changed', cause);
    }
    rules.again();
    onChanged();
  };
  if (rules.failure)
    return (
      <Alert color="red" role="alert">
        {rules.failure.message} {rules.failure.hint}
      </Alert>
    );
  if (!rules.answer || !allRoles.answer) return <Skeleton height={220} />;
  const { isMfaEnforced, mfaRoleIds, sessionHours, sessionIdleHours, trustedDeviceDays } = rules.answer;
  const times = { sessionHours, sessionIdleHours, trustedDeviceDays };
  return (
    <>
      <section className={classes.section} aria-labelledby="factor-rules">
        <h2 className={classes.heading} id="factor-rules">
          Second factor
        </h2>
        <div className={classes.rules}>
          <Switch
            label="All members sign in with a second factor"
            description="A passkey or a code of an app. Who has none is led to set one up at the next sign-in."
            checked={isMfaEnforced}
            onChange={(event) => {
              const { checked } = event.currentTarget;
              void change(() => setMfaEnforced(checked));
            }}
          />
          {isMfaEnforced ? null : (
            <MultiSelect
              label="Members with these roles do"
              placeholder={mfaRoleIds.length === 0 ? 'No role' : undefined}
              data={allRoles.answer.map((role) => ({ value: role.id, label: role.name }))}
              value={mfaRoleIds}
              onChange={(roleIds) => void change(() => setMfaRoles(roleIds))}
            />
          )}
          <WithoutFactor rules={rules.answer} onEnd={() => void change(endSessionsWithoutFactor)} />
        </div>
      </section>
      <section className={classes.section} aria-labelledby="session-rules">
        <h2 className={classes.heading} id="session-rules">
          How long a sign-in is good
        </h2>
        <div className={classes.rules}>
          <Select
            label="Members sign in again after"
            data={choices(LENGTHS, sessionHours, lengthText)}
            value={String(sessionHours)}
            allowDeselect={false}
            onChange={(value) => void change(() => setSessionRules({ ...times, sessionHours: Number(value) }))}
          />
          <Select
            label="Or sooner, when they have not worked for"
            data={choices(LENGTHS, sessionIdleHours, lengthText)}
            value={String(sessionIdleHours)}
            allowDeselect={false}
            onChange={(value) => void change(() => setSessionRules({ ...times, sessionIdleHours: Number(value) }))}
          />
          <Select
            label="A device may go without the second factor for"
            data={choices(DAYS, trustedDeviceDays, daysText)}
            value={String(trustedDeviceDays)}
            allowDeselect={false}
            onChange={(value) => void change(() => setSessionRules({ ...times, trustedDeviceDays: Number(value) }))}
          />
          <p className={classes.note}>
            Shorter times hold at once, also for who is signed in now. How people become members stands under{' '}
            <Link to="/settings/members">Members</Link>.
          </p>
        </div>
      </section>
    </>
  );
}

function WithoutFactor({ rules, onEnd }: { rules: SecuritySettings; onEnd: () => void }) {
  const { membersWithoutFactor: members = 0, sessionsWithoutFactor: sessions = 0 } = rules;
  if (members === 0) return <p className={classes.note}>Every member has a second factor.</p>;
  const end = () =>
    modals.openConfirmModal({
      title: `Sign out ${sessions === 1 ? 'one session' : `${sessions} sessions`}?`,
      children: 'Members who must have a second factor and have none are led to set one up when they sign in again.',
      labels: { confirm: 'Sign out', cancel: 'Not now' },
      onConfirm: onEnd,
    });
  return (
    <div className={classes.setUp}>
      <p className={classes.note}>
        {members === 1 ? 'One member has' : `${members} members have`} no second factor
        {sessions > 0
          ? `, and ${sessions === 1 ? 'one session goes' : `${sessions} sessions go`} on without the one that is wanted.`
          : '.'}
      </p>
      {sessions > 0 ? (
        <div>
          <Button variant="default" onClick={end}>
            Sign them out
          </Button>
        </div>
      ) : null}
    </div>
  );
}
