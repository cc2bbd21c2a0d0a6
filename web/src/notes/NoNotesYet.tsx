import { Button } from '@mantine/core';
import { useState } from 'react';
import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import type { ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import record from '../records/RecordView.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const KEEP = gql<unknown, { object: string }>(
  'mutation KeepNotes($object: UUID!) { keepNotes(input: { objectId: $object }) { result } }',
);

/** Notes and tasks are about records of one's own objects once whoever keeps the data model says so. */
export function NoNotesYet({ object }: { object: ModelObject }) {
  const [isBusy, setIsBusy] = useState(false);
  const keep = async () => {
    setIsBusy(true);
    try {
      await requestMetadata(KEEP, { object: object.id });
    } catch (cause) {
      announceFailure(t('Notes cannot be kept yet'), cause);
    }
    setIsBusy(false);
  };
  return (
    <section className={record.block} aria-label={t('Notes and tasks')}>
      <div className={record.blockHead}>
        <h2 className={record.blockTitle}>{t('Notes and tasks')}</h2>
      </div>
      <p className={record.quiet}>
        {t('None are kept with {labelPlural} yet.', { labelPlural: inSentence(object.labelPlural) })}
      </p>
      <Button variant="default" size="compact-sm" mt={6} loading={isBusy} onClick={() => void keep()}>
        {t('Keep notes and tasks with {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
      </Button>
    </section>
  );
}
