import { Failure } from '../api/failure.ts';
import { fetchSignedIn } from '../api/refresh.ts';
import { decimalText } from '../model/formats.ts';
import type { FieldValue } from '../model/values.ts';
import { isParts } from '../model/values.ts';
import { t } from '../language/t.ts';

/** A file as fields hold it. */
export interface StoredFile {
  [part: string]: FieldValue;
  id: string;
  name: string;
  type: string;
  size: number;
}

/** An address that opens a file for a while, without a session. */
export interface FileLink extends StoredFile {
  url: string;
  expiresAt: string;
}

const isStoredFile = (value: FieldValue): value is StoredFile =>
  isParts(value) && typeof value['id'] === 'string' && typeof value['name'] === 'string';

export const filesOf = (value: FieldValue): StoredFile[] => (Array.isArray(value) ? value.filter(isStoredFile) : []);

/** The page of a file, for everybody who may see it. */
export const fileAddress = (id: string): string => `/files/${id}`;

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

export function formatSize(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const amount = bytes / 1000 ** power;
  return `${decimalText(amount, power === 0 || amount >= 100 ? 0 : 1)} ${UNITS[power]}`;
}

export type FileKind = 'image' | 'pdf' | 'text' | 'audio' | 'video' | 'other';

const IMAGES = ['image/png', 'image/apng', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp'];
const TEXTS = ['text/plain', 'text/csv', 'text/tab-separated-values', 'text/markdown', 'application/json'];

/** How it is shown. What the server sends to be saved only, it would not let us show. */
export function kindOf(type: string): FileKind {
  if (IMAGES.includes(type)) return 'image';
  if (TEXTS.includes(type)) return 'text';
  if (type === 'application/pdf') return 'pdf';
  if (type.startsWith('audio/')) return 'audio';
  if (type.startsWith('video/')) return 'video';
  return 'other';
}

const KEPT_MS = 5 * 60_000;
const kept = new Map<string, { link: FileLink; until: number }>();

/** Links to those of the files that the member may open. They are asked for once in a while, as many as are wanted together. */
export async function askLinks(ids: string[]): Promise<Map<string, FileLink>> {
  const now = Date.now();
  const wanted = ids.filter((id) => (kept.get(id)?.until ?? 0) < now);
  if (wanted.length > 0) {
    const response = await fetchSignedIn('/files/links', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids: wanted.slice(0, 200) }),
    }).catch(() => {
      throw new Failure('The server cannot be reached.', 'UNREACHABLE');
    });
    const body = (await response.json().catch(() => ({}))) as { links?: FileLink[]; error?: Problem };
    if (!response.ok || !body.links) throw failureOf(body.error, response.status);
    for (const id of wanted) kept.delete(id);
    for (const link of body.links) kept.set(link.id, { link, until: now + KEPT_MS });
  }
  return new Map(
    ids.flatMap((id) => {
      const found = kept.get(id);
      return found ? [[id, found.link]] : [];
    }),
  );
}

interface Problem {
  message?: string;
  code?: string;
  hint?: string | null;
}

export const failureOf = (problem: Problem | undefined, status: number): Failure =>
  new Failure(
    problem?.message ?? t('The server answered with status {status}.', { status }),
    problem?.code ?? 'SERVER',
    problem?.hint ?? undefined,
  );

/** Has the browser save it. */
export async function download(id: string): Promise<void> {
  const link = (await askLinks([id])).get(id);
  if (!link) throw new Failure('There is no such file, or your role may not see it.', 'FILE_MISSING');
  const anchor = document.createElement('a');
  anchor.href = `${link.url}?download`;
  anchor.download = link.name;
  anchor.click();
}
