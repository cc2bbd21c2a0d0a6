import { ActionIcon, Progress } from '@mantine/core';
import { IconRefresh, IconX } from '@tabler/icons-react';
import { formatSize } from './files.ts';
import classes from './files.module.css';
import type { Upload } from './uploads.ts';
import { t } from '../language/t.ts';

interface UploadListProps {
  uploads: Upload[];
  onAgain: (key: number) => void;
  onDrop: (key: number) => void;
}

/** What is on its way to the server. */
export function UploadList({ uploads, onAgain, onDrop }: UploadListProps) {
  if (uploads.length === 0) return null;
  return (
    <ul className={classes.uploads} aria-label={t('Uploads')}>
      {uploads.map(({ key, name, size, share, state, problem }) => (
        <li key={key} className={classes.upload}>
          <span className={classes.uploadName}>{name}</span>
          <span className={classes.size}>{formatSize(size)}</span>
          {state === 'failed' ? (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('Upload {name} again', { name })}
              onClick={() => onAgain(key)}
            >
              <IconRefresh size={14} />
            </ActionIcon>
          ) : null}
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={state === 'failed' ? t('Put {name} away', { name }) : t('Stop the upload of {name}', { name })}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => onDrop(key)}
          >
            <IconX size={14} />
          </ActionIcon>
          {state === 'failed' ? (
            <span className={classes.uploadProblem} role="alert">
              {problem}
            </span>
          ) : (
            <Progress
              className={classes.bar}
              value={share * 100}
              size={4}
              animated={state === 'keeping' || share === 1}
              aria-label={t('Upload of {name}', { name })}
            />
          )}
        </li>
      ))}
    </ul>
  );
}
