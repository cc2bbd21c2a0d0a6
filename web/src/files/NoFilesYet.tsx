import { Button } from '@mantine/core';
import { IconPaperclip } from '@tabler/icons-react';
import { useState } from 'react';
import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import type { ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import record from '../records/RecordView.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const KEEP = gql<unknown, { object: string }>(
  'mutation KeepFiles($object: UUID!) { keepFiles(input: { objectId: $object }) { result } }',
);

/** Objects of one's own keep files once whoever keeps the data model says so: attachments then lead to them, too. */
export function NoFilesYet({ object }: { object: ModelObject }) {
  const [isBusy, setIsBusy] = useState(false);
  const keep = async () => {
    setIsBusy(true);
    try {
      await requestMetadata(KEEP, { object: object.id });
    } catch (cause) {
      announceFailure(t('Files cannot be kept yet'), cause);
    }
    setIsBusy(false);
  };
  return (
    <section className={record.block} aria-label={t('Files')}>
      <div className={record.blockHead}>
        <IconPaperclip size={15} stroke={1.75} aria-hidden />
        <h2 className={record.blockTitle}>{t('Files')}</h2>
      </div>
      <p className={record.quiet}>
        {t('No files are kept with {labelPlural} yet.', { labelPlural: inSentence(object.labelPlural) })}
      </p>
      <Button variant="default" size="compact-sm" mt={6} loading={isBusy} onClick={() => void keep()}>
        {t('Keep files with {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
      </Button>
    </section>
  );
}
