import {
  IconFile,
  IconFileMusic,
  IconFileSpreadsheet,
  IconFileText,
  IconFileTypePdf,
  IconFileZip,
  IconMovie,
  IconPhoto,
} from '@tabler/icons-react';
import { kindOf } from './files.ts';

/** What kind of file it is, at a glance. */
export function FileIcon({ type, size = 18 }: { type: string; size?: number }) {
  const look = { size, stroke: 1.5, 'aria-hidden': true };
  if (/spreadsheet|ms-excel|csv/.test(type)) return <IconFileSpreadsheet {...look} />;
  if (/zip|compressed|x-tar|gzip|x-7z|x-rar/.test(type)) return <IconFileZip {...look} />;
  switch (kindOf(type)) {
    case 'image':
      return <IconPhoto {...look} />;
    case 'pdf':
      return <IconFileTypePdf {...look} />;
    case 'audio':
      return <IconFileMusic {...look} />;
    case 'video':
      return <IconMovie {...look} />;
    case 'text':
      return <IconFileText {...look} />;
    default:
      return /^text|document|msword/.test(type) ? <IconFileText {...look} /> : <IconFile {...look} />;
  }
}
