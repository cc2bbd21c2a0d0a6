import { Button, Text } from '@mantine/core';
import { useState } from 'react';
import { askToRemove, load } from '../../start/actions.ts';
import { readSamples } from '../../start/start.ts';
import { samplesText } from '../../start/startText.ts';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import { useInquiry } from '../useInquiry.ts';
import classes from './general.module.css';
import { t } from '../../language/t.ts';

/** Records to try the workspace with, and the way out for them. */
export function SampleData() {
  const { answer, failure, again } = useInquiry('sample data', readSamples);
  const [busy, setBusy] = useState(false);
  if (failure) return <ReadFailure what={t('Sample data')} failure={failure} onRetry={again} />;
  if (answer === null) return null;
  const act = async (work: () => Promise<void>) => {
    setBusy(true);
    await work();
    setBusy(false);
    again();
  };
  return (
    <section className={classes.section} aria-labelledby="general-samples">
      <h2 id="general-samples">{t('Sample data')}</h2>
      <Text size="sm" mb="sm">
        {samplesText(answer.count)}
      </Text>
      {answer.count === 0 ? (
        <Button variant="default" loading={busy} onClick={() => void act(load)}>
          {t('Load sample data')}
        </Button>
      ) : (
        <Button variant="default" loading={busy} onClick={() => void act(askToRemove)}>
          {t('Remove the sample data')}
        </Button>
      )}
    </section>
  );
}
