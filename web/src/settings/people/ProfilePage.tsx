import {
  Alert,
  Button,
  FileButton,
  Group,
  PasswordInput,
  Select,
  TextInput,
  useMantineColorScheme,
} from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { fetchJson } from '../../api/failure.ts';
import { chooseDensity, DENSITIES, type Density } from '../../app/density.ts';
import { Avatar } from '../../fields/Avatar.tsx';
import { formatDay, formatInstant } from '../../model/dates.ts';
import { formats, timeOfDay, withSigns } from '../../model/formats.ts';
import { announceFailure } from '../../records/announce.tsx';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import { askProof } from '../../security/askProof.tsx';
import { secondFactorState, type Proof } from '../../security/calls.ts';
import { useSubmission } from '../../session/entrance.ts';
import { keepColorScheme, savePhoto, saveProfile, useProfile, type Profile } from '../../session/profile.ts';
import { resumeSession } from '../../session/session.ts';
import classes from '../settings.module.css';
import { useInquiry } from '../useInquiry.ts';
import { languages, timeZones } from './languages.ts';
import own from './people.module.css';
import { PeopleFrame } from './PeopleFrame.tsx';
import { shrink } from './picture.ts';
import { t } from '../../language/t.ts';

/** What stands for "as the language does" is shown as it comes out. */
const dates = () => [
  {
    value: 'SYSTEM',
    label: t('As the language does{example}', { example: example('dateFormat', () => formatDay('2026-03-29')) }),
  },
  { value: 'DAY_FIRST', label: t('Day first: 29 Mar 2026') },
  { value: 'MONTH_FIRST', label: t('Month first: Mar 29, 2026') },
  { value: 'YEAR_FIRST', label: t('Year first: 2026-03-29') },
];
const times = () => [
  {
    value: 'SYSTEM',
    label: t('As the language does{example}', { example: example('timeFormat', () => timeOfDay('15:05')) }),
  },
  { value: 'HOUR_24', label: t('24 hours: 15:05') },
  { value: 'HOUR_12', label: t('12 hours: 3:05 PM') },
];
const numbers = () => [
  {
    value: 'SYSTEM',
    label: t('As the language does{example}', { example: example('numberFormat', () => withSigns('1,234.5')) }),
  },
  { value: 'COMMAS_AND_DOT', label: '1,234.5' },
  { value: 'SPACES_AND_COMMA', label: '1 234,5' },
  { value: 'DOTS_AND_COMMA', label: '1.234,5' },
  { value: 'APOSTROPHE_AND_DOT', label: '1’234.5' },
];
const example = (format: 'dateFormat' | 'timeFormat' | 'numberFormat', write: () => string): string =>
  formats()[format] === 'SYSTEM' ? `: ${write()}` : '';
const SCHEMES = [
  { value: 'auto', label: t('As the system') },
  { value: 'light', label: t('Light') },
  { value: 'dark', label: t('Dark') },
];

export function ProfilePage() {
  const profile = useProfile((state) => state.profile);
  return (
    <PeopleFrame label={t('Your profile')}>
      <div className={classes.narrow}>
        {profile ? (
          <>
            <WhoYouAre profile={profile} />
            <EmailAddress email={profile.email} />
            <HowYouRead profile={profile} />
          </>
        ) : (
          <Alert>{t('Only members have a profile.')}</Alert>
        )}
      </div>
    </PeopleFrame>
  );
}

const attempt = (title: string, work: () => Promise<void>): void =>
  void work().catch((cause: unknown) => announceFailure(title, cause));

function WhoYouAre({ profile }: { profile: Profile }) {
  const [firstName, setFirstName] = useState(profile.firstName);
  const [lastName, setLastName] = useState(profile.lastName);
  const name = `${profile.firstName} ${profile.lastName}`.trim() || profile.email;
  const save = async () => {
    await saveProfile({ firstName, lastName });
    await resumeSession();
    notifications.show({ message: t('Your name is saved.') });
  };
  const choose = (file: File | null) => {
    if (file) attempt(t('The picture was not saved'), async () => savePhoto(await shrink(file)));
  };
  return (
    <section className={classes.section} aria-labelledby="who-heading">
      <h2 id="who-heading">{t('Who you are')}</h2>
      <Group gap={14}>
        {profile.avatarUrl ? (
          <img src={profile.avatarUrl} alt={t('Your picture')} className={own.portrait} />
        ) : (
          <Avatar label={name} seed={profile.memberId} size={64} round />
        )}
        <FileButton accept="image/png,image/jpeg,image/webp" onChange={choose}>
          {(props) => (
            <Button variant="default" {...props}>
              {t('Choose a picture')}
            </Button>
          )}
        </FileButton>
        {profile.avatarUrl ? (
          <Button variant="subtle" color="red" onClick={() => attempt(t('The picture stays'), () => savePhoto(null))}>
            {t('Remove')}
          </Button>
        ) : null}
      </Group>
      <form
        className={own.pair}
        onSubmit={(event) => {
          event.preventDefault();
          attempt(t('Your name was not saved'), save);
        }}
      >
        <TextInput
          label={t('First name')}
          autoComplete="given-name"
          value={firstName}
          onChange={(event) => setFirstName(event.currentTarget.value)}
        />
        <TextInput
          label={t('Last name')}
          autoComplete="family-name"
          value={lastName}
          onChange={(event) => setLastName(event.currentTarget.value)}
        />
        <Button
          type="submit"
          size="sm"
          className={classes.start}
          disabled={firstName === profile.firstName && lastName === profile.lastName}
        >
          {t('Save the name')}
        </Button>
      </form>
    </section>
  );
}

function EmailAddress({ email }: { email: string }) {
  const [newEmail, setNewEmail] = useState('');
  const [password, setPassword] = useState('');
  const [sentTo, setSentTo] = useState<string | null>(null);
  const { busy, problem, run } = useSubmission();
  const { answer, failure, again } = useInquiry('has a password', secondFactorState);
  const hasPassword = answer?.hasPassword ?? true;
  const change = async (proof: Proof) => {
    await fetchJson('/auth/change-email/request', { email: newEmail.trim(), ...proof });
    setSentTo(newEmail.trim());
    setNewEmail('');
    setPassword('');
  };
  const submit = async () => {
    if (hasPassword) await run(() => change({ password }));
    else askProof(t('Change the e-mail address'), t('Send the link'), change);
  };
  return (
    <section className={classes.section} aria-labelledby="email-heading">
      <h2 id="email-heading">{t('E-mail address')}</h2>
      <p className={own.note}>
        {t('You sign in with {email}. A new address holds once you have followed the link that we send there.', {
          email,
        })}
      </p>
      {failure ? <ReadFailure what={t('Your sign-in')} failure={failure} onRetry={again} /> : null}
      {problem ? (
        <Alert color="red" role="alert" title={problem.message}>
          {problem.hint}
        </Alert>
      ) : null}
      {sentTo ? (
        <p role="status" className={own.note}>
          {t('If nobody else has it, a link is on its way to {sentTo}.', { sentTo })}
        </p>
      ) : null}
      <form
        className={own.pair}
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <TextInput
          label={t('New address')}
          type="email"
          autoComplete="email"
          value={newEmail}
          onChange={(event) => setNewEmail(event.currentTarget.value)}
        />
        {hasPassword ? (
          <PasswordInput
            label={t('Your password')}
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
        ) : null}
        <Button
          type="submit"
          size="sm"
          variant="default"
          className={classes.start}
          loading={busy}
          disabled={failure !== null || !newEmail.includes('@') || (hasPassword && password === '')}
        >
          {t('Send the link')}
        </Button>
      </form>
    </section>
  );
}

function HowYouRead({ profile }: { profile: Profile }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const save = (values: Partial<Profile>) => attempt(t('This was not saved'), () => saveProfile(values));
  return (
    <section className={classes.section} aria-labelledby="read-heading">
      <h2 id="read-heading">{t('How you read')}</h2>
      <Select
        label={t('Appearance')}
        data={SCHEMES}
        value={colorScheme}
        allowDeselect={false}
        onChange={(value) => {
          const scheme = value as 'auto' | 'light' | 'dark';
          setColorScheme(scheme);
          void keepColorScheme(scheme);
        }}
      />
      <Select
        label={t('Density')}
        description={t(
          'How close lines stand in tables, lists and cards. On touch screens they stay large enough to hit.',
        )}
        data={DENSITIES}
        value={profile.density}
        allowDeselect={false}
        onChange={(value) => void chooseDensity(value as Density)}
      />
      <Select
        label={t('Language')}
        description={t(
          'Dates, times and numbers are written as in this language, in mails, too. The screens are in English, German, French and Spanish, and in English for others.',
        )}
        data={languages(profile.locale)}
        value={profile.locale}
        searchable
        allowDeselect={false}
        onChange={(value) => save({ locale: value ?? profile.locale })}
      />
      <Select
        label={t('Time zone')}
        description={t('It is {instant} there. A date without a time is the same everywhere.', {
          instant: formatInstant(new Date().toISOString()),
        })}
        data={timeZones(profile.timeZone)}
        value={profile.timeZone}
        searchable
        limit={100}
        allowDeselect={false}
        onChange={(value) => save({ timeZone: value ?? profile.timeZone })}
      />
      <Select
        label={t('Dates')}
        data={dates()}
        value={profile.dateFormat}
        allowDeselect={false}
        onChange={(value) => save({ dateFormat: value as Profile['dateFormat'] })}
      />
      <Select
        label={t('Times')}
        data={times()}
        value={profile.timeFormat}
        allowDeselect={false}
        onChange={(value) => save({ timeFormat: value as Profile['timeFormat'] })}
      />
      <Select
        label={t('Numbers')}
        data={numbers()}
        value={profile.numberFormat}
        allowDeselect={false}
        onChange={(value) => save({ numberFormat: value as Profile['numberFormat'] })}
      />
    </section>
  );
}
