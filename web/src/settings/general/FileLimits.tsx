import { Button, NumberInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { toFailure } from '../../api/failure.ts';
import { formatSize } from '../../files/files.ts';
import { countText } from '../../model/formats.ts';
import { ReadFailure } from '../../records/ReadFailure.tsx';
import { useInquiry } from '../useInquiry.ts';
import classes from './general.module.css';
import { fileStorage, setMaxFileMb } from './general.ts';
import { t } from '../../language/t.ts';

const MEGABYTE = 1024 * 1024;

/** What the files take up, how much they may, and how large one may be: the first is the server's to say, the second the workspace's. */
export function FileLimits() {
  const { answer, failure, again } = useInquiry('file storage', fileStorage);
  const [draft, setDraft] = useState<number | string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  if (failure) return <ReadFailure what={t('Files')} failure={failure} onRetry={again} />;
  if (!answer) return null;
  const { files, bytes, maxFileMb, quotaMb } = answer;
  const megabytes = draft ?? maxFileMb ?? '';
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      await setMaxFileMb(megabytes === '' ? null : Number(megabytes));
      notifications.show({ message: t('Saved.') });
      setDraft(null);
      again();
    } catch (cause) {
      const { message, hint } = toFailure(cause);
      setError([message, hint].filter(Boolean).join(' '));
    }
    setBusy(false);
  };
  const used = { files, count: countText(files), size: formatSize(bytes) };
  return (
    <section className={classes.section} aria-labelledby="general-files">
      <h2 id="general-files">{t('Files')}</h2>
      <p className={classes.told}>
        {quotaMb === null
          ? t(
              '{files, plural, one {One file takes} other {{count} files take}} up {size}. The server sets no limit.',
              used,
            )
          : t(
              '{files, plural, one {One file takes} other {{count} files take}} up {size} of {quota}. Whoever keeps the server gives more.',
              { ...used, quota: formatSize(quotaMb * MEGABYTE) },
            )}
      </p>
      <form
        className={classes.days}
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <NumberInput
          label={t('Megabytes that one file may have')}
          description={t('Empty: as many as the server allows.')}
          min={1}
          max={51_200}
          allowDecimal={false}
          value={megabytes}
          error={error}
          onChange={setDraft}
        />
        <Button type="submit" loading={busy} disabled={draft === null || String(draft) === String(maxFileMb ?? '')}>
          {t('Save')}
        </Button>
      </form>
    </section>
  );
}
