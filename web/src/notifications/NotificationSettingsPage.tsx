import { Alert, Select, Skeleton, Switch } from '@mantine/core';
import { useState } from 'react';
import { formats, timeOfDay } from '../model/formats.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { useProfile } from '../session/profile.ts';
import own from '../settings/people/people.module.css';
import { PeopleFrame } from '../settings/people/PeopleFrame.tsx';
import page from '../settings/settings.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import classes from './notifications.module.css';
import { askSettings, chooseDigest, chooseNotification, type NotificationSettings } from './notifications.ts';
import { t } from '../language/t.ts';

const MAIL = [
  { value: 'NOW', label: t('At once') },
  { value: 'DIGEST', label: t('In the digest') },
  { value: 'OFF', label: t('Never') },
];
const FREQUENCIES = [
  { value: 'DAILY', label: t('Once a day') },
  { value: 'HOURLY', label: t('Every hour') },
];
const hours = () =>
  Array.from({ length: 24 }, (_, hour) => ({
    value: String(hour),
    label: timeOfDay(`${String(hour).padStart(2, '0')}:00`),
  }));

/** Of what the member is told, and how. Each choice holds at once. */
export function NotificationSettingsPage() {
  const { answer, failure, busy, again } = useInquiry('notification settings', askSettings);
  return (
    <PeopleFrame label={t('Notifications')}>
      <div className={page.narrow}>
        {failure ? (
          <ReadFailure what={t('Notifications')} failure={failure} onRetry={again} />
        ) : answer ? (
          <Choices given={answer} />
        ) : busy ? (
          <Skeleton height={240} />
        ) : (
          <Alert>{t('Notifications are a member’s own.')}</Alert>
        )}
      </div>
    </PeopleFrame>
  );
}

function Choices({ given }: { given: NotificationSettings }) {
  const [settings, setSettings] = useState(given);
  const email = useProfile((state) => state.profile?.email);
  const zone = formats().timeZone;
  const choose = async (work: Promise<NotificationSettings>) => {
    try {
      setSettings(await work);
    } catch (cause) {
      announceFailure(t('This was not saved'), cause);
    }
  };
  return (
    <>
      <section className={page.section} aria-labelledby="kinds-heading">
        <h2 id="kinds-heading">{t('What you are told')}</h2>
        <p className={own.note}>
          {t(
            'Of what you do yourself you are not told, nor of records that you may not read. Mails hold what you have not seen here by then.',
          )}
        </p>
        <table className={classes.kinds}>
          <thead>
            <tr>
              <th scope="col">{t('Kind')}</th>
              <th scope="col">{t('Here')}</th>
              <th scope="col">{t('By mail')}</th>
            </tr>
          </thead>
          <tbody>
            {settings.kinds.map(({ kind, label, description, isInApp, mail }) => (
              <tr key={kind}>
                <td>
                  <div className={classes.kindLabel}>{label}</div>
                  <div className={classes.kindText}>{description}</div>
                </td>
                <td>
                  <Switch
                    checked={isInApp}
                    aria-label={t('{label}: here', { label })}
                    onChange={(event) =>
                      void choose(chooseNotification(kind, { isInApp: event.currentTarget.checked }))
                    }
                  />
                </td>
                <td>
                  <Select
                    data={MAIL}
                    value={mail}
                    allowDeselect={false}
                    size="xs"
                    w={140}
                    aria-label={t('{label}: by mail', { label })}
                    onChange={(value) => void choose(chooseNotification(kind, { mail: value as 'NOW' }))}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <section className={page.section} aria-labelledby="digest-heading">
        <h2 id="digest-heading">{t('The digest')}</h2>
        <p className={own.note}>
          {t('One mail with all that has gathered, to {email}. Where nothing has, none comes.', {
            email: email ?? t('your address'),
          })}
        </p>
        <Select
          label={t('How often')}
          data={FREQUENCIES}
          value={settings.frequency}
          allowDeselect={false}
          onChange={(value) => void choose(chooseDigest({ frequency: value ?? 'DAILY' }))}
        />
        {settings.frequency === 'DAILY' ? (
          <Select
            label={t('At')}
            description={
              zone === 'system'
                ? t('UTC, since your profile has no time zone.')
                : t('In the time zone of your profile, {zone}.', { zone })
            }
            data={hours()}
            value={String(settings.hour)}
            allowDeselect={false}
            onChange={(value) => void choose(chooseDigest({ hour: Number(value) }))}
          />
        ) : null}
      </section>
    </>
  );
}
