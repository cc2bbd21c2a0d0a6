import { ActionIcon, Modal } from '@mantine/core';
import { IconChevronLeft, IconChevronRight, IconDownload, IconX } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { toFailure } from '../api/failure.ts';
import { FileView } from './FileView.tsx';
import classes from './files.module.css';
import { askLinks, formatSize, type FileLink, type StoredFile } from './files.ts';
import { t } from '../language/t.ts';
import { meantKey } from '../language/direction.ts';

interface FilePreviewProps {
  files: StoredFile[];
  /** Which of them is shown. */
  at: number;
  onMove: (at: number) => void;
  onClose: () => void;
}

/** A file over the page, and those beside it by the arrows. */
export function FilePreview({ files, at, onMove, onClose }: FilePreviewProps) {
  const file = files[at];
  const [link, setLink] = useState<FileLink | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const id = file?.id;
  useEffect(() => {
    let isWanted = true;
    setLink(null);
    setProblem(null);
    if (id === undefined) return;
    askLinks([id])
      .then((links) => {
        const found = links.get(id);
        if (!isWanted) return;
        if (found) setLink(found);
        else setProblem(t('This file is gone, or your role may not see it any more.'));
      })
      .catch((cause: unknown) => {
        if (isWanted) setProblem(toFailure(cause).message);
      });
    return () => {
      isWanted = false;
    };
  }, [id]);
  if (!file) return null;
  const move = (by: number) => {
    if (files[at + by]) onMove(at + by);
  };
  return (
    <Modal.Root opened onClose={onClose} fullScreen>
      <Modal.Overlay />
      <Modal.Content
        className={classes.preview}
        aria-label={file.name}
        onKeyDown={(event) => {
          if (/^(audio|video)$/i.test((event.target as Element).tagName)) return;
          if (meantKey(event.key) === 'ArrowLeft') move(-1);
          else if (meantKey(event.key) === 'ArrowRight') move(1);
        }}
      >
        <header className={classes.previewHead}>
          <h2 className={classes.previewName}>{file.name}</h2>
          <span className={classes.size}>{formatSize(file.size)}</span>
          <span className={classes.previewTools}>
            {files.length > 1 ? (
              <>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('Previous file')}
                  disabled={at === 0}
                  onClick={() => move(-1)}
                >
                  <IconChevronLeft size={18} />
                </ActionIcon>
                <span className={classes.size}>{t('{at} of {count}', { at: at + 1, count: files.length })}</span>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('Next file')}
                  disabled={at === files.length - 1}
                  onClick={() => move(1)}
                >
                  <IconChevronRight size={18} />
                </ActionIcon>
              </>
            ) : null}
            {link ? (
              <ActionIcon
                component="a"
                href={`${link.url}?download`}
                download={link.name}
                variant="subtle"
                color="gray"
                aria-label={t('Download')}
              >
                <IconDownload size={18} />
              </ActionIcon>
            ) : null}
            <ActionIcon variant="subtle" color="gray" aria-label={t('Close')} onClick={onClose} data-autofocus>
              <IconX size={18} />
            </ActionIcon>
          </span>
        </header>
        <div className={classes.previewBody} aria-busy={link === null && problem === null}>
          {problem ? (
            <p className={classes.previewProblem} role="alert">
              {problem}
            </p>
          ) : null}
          {link ? <FileView key={link.url} link={link} /> : null}
        </div>
      </Modal.Content>
    </Modal.Root>
  );
}
