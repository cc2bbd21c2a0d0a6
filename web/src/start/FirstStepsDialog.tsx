import { Button, Group, Modal } from '@mantine/core';
import { IconCircle, IconCircleCheckFilled } from '@tabler/icons-react';
import { Link, type LinkProps } from '@tanstack/react-router';
import { useState } from 'react';
import { navigationObjects } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import { announceFailure } from '../records/announce.tsx';
import { askToRemove, load } from './actions.ts';
import { putAway, type FirstSteps, type StepName } from './start.ts';
import { STEPS } from './startText.ts';
import classes from './start.module.css';
import { t } from '../language/t.ts';

interface FirstStepsDialogProps {
  steps: FirstSteps;
  again: () => void;
  onClose: () => void;
}

/** What to do first, what of it is done, and the way to each. */
export function FirstStepsDialog({ steps, again, onClose }: FirstStepsDialogProps) {
  const [busy, setBusy] = useState(false);
  const [first] = navigationObjects(useModel());
  const list: LinkProps = first
    ? { to: '/objects/$namePlural', params: { namePlural: first.namePlural } }
    : { to: '/settings/model' };
  const ways: { [step in StepName]: { label: string; link: LinkProps }[] } = {
    DATA: first
      ? [
          {
            label: t('Import a file'),
            link: { to: '/objects/$namePlural/import', params: { namePlural: first.namePlural } },
          },
        ]
      : [],
    INVITE: [{ label: t('Members'), link: { to: '/settings/members' } }],
    FIELD: [{ label: t('Data model'), link: { to: '/settings/model' } }],
    VIEW: [{ label: first?.labelPlural ?? t('Data model'), link: list }],
    CONNECT: [
      { label: t('API keys'), link: { to: '/settings/keys' } },
      { label: t('psql'), link: { to: '/settings/database-access' } },
    ],
    PROFILE: [{ label: t('Your profile'), link: { to: '/settings/profile' } }],
    FAVOURITE: [{ label: first?.labelPlural ?? t('Data model'), link: list }],
  };
  const during = async (work: () => Promise<void>) => {
    setBusy(true);
    await work();
    setBusy(false);
    again();
  };
  const dismiss = () =>
    during(async () => {
      try {
        await putAway();
        onClose();
      } catch (cause) {
        announceFailure(t('The first steps are still there'), cause);
      }
    });
  return (
    <Modal opened onClose={onClose} title={t('First steps')} size="lg">
      <ul className={classes.steps}>
        {steps.steps.map(({ step, isDone }) => (
          <li key={step} className={classes.step} data-done={isDone || undefined}>
            {isDone ? (
              <IconCircleCheckFilled size={18} color="var(--rv-focus)" role="img" aria-label={t('Done')} />
            ) : (
              <IconCircle size={18} stroke={1.5} role="img" aria-label={t('To do')} />
            )}
            <div>
              <strong>{STEPS[step].title}</strong>
              <p>{STEPS[step].text}</p>
            </div>
            <div className={classes.actions}>
              {ways[step].map(({ label, link }) => (
                <Button
                  key={label}
                  size="compact-sm"
                  variant="default"
                  onClick={onClose}
                  renderRoot={(props) => <Link {...link} {...props} />}
                >
                  {label}
                </Button>
              ))}
              {step !== 'DATA' ? null : steps.hasSamples ? (
                <Button size="compact-sm" variant="default" loading={busy} onClick={() => void during(askToRemove)}>
                  {t('Remove the sample data')}
                </Button>
              ) : (
                <Button size="compact-sm" loading={busy} onClick={() => void during(load)}>
                  {t('Load sample data')}
                </Button>
              )}
            </div>
          </li>
        ))}
      </ul>
      <Group justify="space-between" mt="md">
        <Button variant="subtle" color="gray" loading={busy} onClick={() => void dismiss()}>
          {steps.forWorkspace ? t('Put this away for all administrators') : t('Put this away')}
        </Button>
        <Button variant="default" onClick={onClose}>
          {t('Close')}
        </Button>
      </Group>
    </Modal>
  );
}
