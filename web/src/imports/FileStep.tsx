import { Alert, Anchor, Button, FileButton, Progress } from '@mantine/core';
import { IconFileUpload } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import type { ModelObject } from '../model/types.ts';
import { sizeText } from './importText.ts';
import { templateAddress, uploadFile } from './imports.ts';
import classes from './imports.module.css';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';
import { inSentence } from '../language/inSentence.ts';

const ACCEPTED = '.csv,.tsv,.txt,.xlsx,.vcf,.vcard,text/csv,text/tab-separated-values,text/vcard';
const MAX_BYTES = 512 * 1024 * 1024;

/** The first step: a file, dropped, chosen, or pasted from a spreadsheet. */
export function FileStep({ object, onUploaded }: { object: ModelObject; onUploaded: (id: string) => void }) {
  const [sending, setSending] = useState<{ name: string; size: number; share: number } | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [over, setOver] = useState(false);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);

  const send = async (file: File | null | undefined) => {
    if (!file || sending) return;
    setFailure(null);
    if (file.size > MAX_BYTES) {
      setFailure(toFailure(new Error(t('The file is too large: it may have 512 MB.'))));
      return;
    }
    const controller = new AbortController();
    stop.current = controller;
    setSending({ name: file.name, size: file.size, share: 0 });
    try {
      const id = await uploadFile(
        object.nameSingular,
        file,
        (share) => setSending({ name: file.name, size: file.size, share }),
        controller.signal,
      );
      onUploaded(id);
    } catch (cause) {
      const failed = toFailure(cause);
      if (failed.code !== 'ABORTED') setFailure(failed);
    } finally {
      setSending(null);
    }
  };
  const latest = useRef(send);
  useEffect(() => {
    latest.current = send;
  });
  // Pasted anywhere on the page: a file, or cells of a spreadsheet.
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const [file] = event.clipboardData?.files ?? [];
      const text = event.clipboardData?.getData('text/plain') ?? '';
      if (file && !file.type.startsWith('image/')) void latest.current(file);
      else if (text.trim() !== '')
        void latest.current(new File([text], text.startsWith('BEGIN:VCARD') ? 'Pasted.vcf' : 'Pasted.csv'));
      else return;
      event.preventDefault();
    };
    document.addEventListener('paste', paste);
    return () => document.removeEventListener('paste', paste);
  }, []);

  return (
    <>
      <div
        className={classes.drop}
        data-over={over || undefined}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void send(event.dataTransfer.files[0]);
        }}
      >
        <IconFileUpload size={26} stroke={1.5} aria-hidden />
        {sending ? (
          <div className={classes.sending} role="status">
            <span>
              {sending.name}, {sizeText(sending.size)}
            </span>
            <Progress value={sending.share * 100} aria-label={t('Uploading')} />
            <Button variant="default" onClick={() => stop.current?.abort()}>
              {t('Stop')}
            </Button>
          </div>
        ) : (
          <>
            <h2>{t('Drop a file here')}</h2>
            <p>{t('CSV, TSV, Excel (.xlsx) or vCard, up to 512 MB. You can also paste rows from a spreadsheet.')}</p>
            <FileButton
              onChange={(file) => void send(file)}
              accept={ACCEPTED}
              inputProps={{ 'aria-label': t('File to import') }}
            >
              {(props) => <Button {...props}>{t('Choose a file')}</Button>}
            </FileButton>
          </>
        )}
      </div>
      {failure ? (
        <Alert color="red" role="alert" title={failure.message} className={classes.gap}>
          {failure.hint}
        </Alert>
      ) : null}
      <p className={classes.note}>
        <Trans
          text={
            'The first row should name the columns. Start from <0>an empty file with the columns of {labelPlural}</0> if you like. Nothing is changed before you have seen what would come of it.'
          }
          values={{ labelPlural: inSentence(object.labelPlural) }}
          tags={{ 0: <Anchor href={templateAddress(object.nameSingular)} download inherit underline="always" /> }}
        />
      </p>
    </>
  );
}
