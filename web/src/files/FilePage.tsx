import { Button } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { Link, useParams } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { toFailure } from '../api/failure.ts';
import { Message } from '../app/Message.tsx';
import { FileView } from './FileView.tsx';
import classes from './files.module.css';
import { askLinks, formatSize, type FileLink } from './files.ts';
import { t } from '../language/t.ts';

/** A file at its own address, which people pass on: it opens for whoever may see it. */
export function FilePage() {
  const { id } = useParams({ from: '/files/$id' });
  const [link, setLink] = useState<FileLink | null>(null);
  const [problem, setProblem] = useState<{ title: string; text: string; isPassing?: boolean } | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let isWanted = true;
    setProblem(null);
    const missing = {
      title: t('This file is not here'),
      text: t('It may have been deleted, or your role may not see the record that has it.'),
    };
    askLinks([id])
      .then((links) => {
        if (!isWanted) return;
        setLink(links.get(id) ?? null);
        if (!links.has(id)) setProblem(missing);
      })
      .catch((cause: unknown) => {
        const { code, message } = toFailure(cause);
        if (isWanted)
          setProblem(
            code === 'INVALID_REQUEST'
              ? missing
              : { title: t('The file could not be read'), text: message, isPassing: true },
          );
      });
    return () => {
      isWanted = false;
    };
  }, [id, attempt]);
  if (problem)
    return (
      <Message
        isPage
        title={problem.title}
        actions={
          problem.isPassing ? (
            <Button onClick={() => setAttempt(attempt + 1)}>{t('Try again')}</Button>
          ) : (
            <Button variant="default" renderRoot={(props) => <Link to="/" {...props} />}>
              {t('Go to the start')}
            </Button>
          )
        }
      >
        {problem.text}
      </Message>
    );
  return (
    <div className={classes.page} aria-busy={link === null}>
      {link ? (
        <>
          <header className={classes.previewHead}>
            <h1 className={classes.previewName}>{link.name}</h1>
            <span className={classes.size}>{formatSize(link.size)}</span>
            <span className={classes.previewTools}>
              <Button
                component="a"
                href={`${link.url}?download`}
                download={link.name}
                variant="default"
                size="xs"
                leftSection={<IconDownload size={15} />}
              >
                {t('Download')}
              </Button>
            </span>
          </header>
          <div className={classes.previewBody}>
            <FileView link={link} />
          </div>
        </>
      ) : null}
    </div>
  );
}
