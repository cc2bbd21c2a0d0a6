import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { IconDownload, IconZoomIn, IconZoomOut, IconZoomReset } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { usePhone } from '../app/phone.ts';
import { FileIcon } from './FileIcon.tsx';
import classes from './files.module.css';
import { formatSize, kindOf, type FileLink } from './files.ts';
import { t } from '../language/t.ts';

/** What is in a file, as far as browsers show it by themselves. */
export function FileView({ link }: { link: FileLink }) {
  const [failed, setFailed] = useState(false);
  const isPhone = usePhone();
  const kind = kindOf(link.type);
  if (failed) return <NoView link={link}>{t('It cannot be shown here.')}</NoView>;
  switch (kind) {
    case 'image':
      return <ImageView link={link} onError={() => setFailed(true)} />;
    case 'pdf':
      // Browsers of phones have no viewer inside a page; they open it as one of their own.
      return isPhone ? (
        <NoView link={link} opens>
          {t('Your phone shows PDFs in a page of their own.')}
        </NoView>
      ) : (
        // The viewer of browsers does not run in a sandbox; what it shows is a PDF and nothing else, as the server says.
        // oxlint-disable-next-line react/iframe-missing-sandbox
        <iframe className={classes.frame} src={link.url} title={link.name} />
      );
    case 'text':
      return <TextView link={link} onError={() => setFailed(true)} />;
    case 'audio':
      return (
        <audio
          className={classes.audio}
          src={link.url}
          controls
          aria-label={link.name}
          onError={() => setFailed(true)}
        />
      );
    case 'video':
      return (
        <video
          className={classes.video}
          src={link.url}
          controls
          playsInline
          aria-label={link.name}
          onError={() => setFailed(true)}
        />
      );
    default:
      return <NoView link={link}>{t('Files of this kind are opened by other programs.')}</NoView>;
  }
}

function NoView({ link, children, opens }: { link: FileLink; children: string; opens?: boolean }) {
  return (
    <div className={classes.noView}>
      <FileIcon type={link.type} size={44} />
      <p>{children}</p>
      <p className={classes.size}>
        {link.type}, {formatSize(link.size)}
      </p>
      {opens ? (
        <Button component="a" href={link.url} target="_blank" rel="noreferrer">
          {t('Open')}
        </Button>
      ) : (
        <Button
          component="a"
          href={`${link.url}?download`}
          download={link.name}
          leftSection={<IconDownload size={16} />}
        >
          {t('Download')}
        </Button>
      )}
    </div>
  );
}

const ZOOMS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 8];

function ImageView({ link, onError }: { link: FileLink; onError: () => void }) {
  /** Null fits it into the page. */
  const [zoom, setZoom] = useState<number | null>(null);
  const [width, setWidth] = useState(0);
  const step = (to: 1 | -1) => {
    const now = zoom ?? 1;
    const better = to === 1 ? ZOOMS.find((each) => each > now) : ZOOMS.findLast((each) => each < now);
    if (better !== undefined) setZoom(better);
  };
  return (
    <>
      <div className={classes.zoom} role="group" aria-label={t('Zoom')}>
        <Tooltip label={t('Smaller (-)')}>
          <ActionIcon variant="default" aria-label={t('Smaller')} onClick={() => step(-1)}>
            <IconZoomOut size={16} />
          </ActionIcon>
        </Tooltip>
        <span aria-live="polite">{zoom === null ? t('Fit') : `${zoom * 100} %`}</span>
        <Tooltip label={t('Larger (+)')}>
          <ActionIcon variant="default" aria-label={t('Larger')} onClick={() => step(1)}>
            <IconZoomIn size={16} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={t('Fit into the page (0)')}>
          <ActionIcon
            variant="default"
            aria-label={t('Fit into the page')}
            disabled={zoom === null}
            onClick={() => setZoom(null)}
          >
            <IconZoomReset size={16} />
          </ActionIcon>
        </Tooltip>
      </div>
      <div
        className={classes.canvas}
        data-zoomed={zoom !== null || undefined}
        tabIndex={0}
        role="region"
        aria-label={link.name}
        onKeyDown={(event) => {
          if (event.key === '+' || event.key === '=') step(1);
          else if (event.key === '-') step(-1);
          else if (event.key === '0') setZoom(null);
        }}
      >
        <img
          src={link.url}
          alt={link.name}
          style={zoom === null ? undefined : { width: width * zoom }}
          onLoad={(event) => setWidth(event.currentTarget.naturalWidth)}
          onDoubleClick={() => setZoom(zoom === null ? 1 : null)}
          onError={onError}
        />
      </div>
    </>
  );
}

/** As much of a text as anybody reads on a page. */
const SHOWN_BYTES = 256 * 1024;

function TextView({ link, onError }: { link: FileLink; onError: () => void }) {
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    let isWanted = true;
    void (async () => {
      try {
        const headers = link.size > SHOWN_BYTES ? { range: `bytes=0-${SHOWN_BYTES - 1}` } : undefined;
        const response = await fetch(link.url, headers ? { headers } : {});
        if (!response.ok) throw new Error(String(response.status));
        const bytes = await response.arrayBuffer();
        if (isWanted) setText(decode(bytes));
      } catch {
        if (isWanted) onError();
      }
    })();
    return () => {
      isWanted = false;
    };
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- the link says it all.
  }, [link.url]);
  return (
    <div className={classes.text} aria-busy={text === null}>
      <pre tabIndex={0} role="region" aria-label={link.name}>
        {text}
      </pre>
      {link.size > SHOWN_BYTES ? (
        <p className={classes.cut}>{t('This is its beginning. Download it to read all of it.')}</p>
      ) : null}
    </div>
  );
}

/** UTF-8, or what older programs wrote. */
function decode(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}
