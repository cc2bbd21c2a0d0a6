import { Failure, fetchJson, toFailure } from '../api/failure.ts';
import { actingAs, fetchSignedIn } from '../api/refresh.ts';
import { t } from '../language/t.ts';

export interface FileFormat {
  kind: 'csv' | 'xlsx' | 'vcard';
  delimiter: string;
  encoding: string;
  sheet: string | null;
  hasHeader: boolean;
}

export interface ImportSettings {
  map: { [header: string]: string };
  match: string | null;
  mode: 'CREATE' | 'UPDATE' | 'BOTH';
  createMissing: boolean;
  dateOrder: 'dmy' | 'mdy' | null;
  timeZone: string | null;
  meanings: { [header: string]: { [cell: string]: string } };
}

interface ProblemGroup {
  kind: string;
  count: number;
  example: string;
  cell: number | null;
}

export interface ImportResult {
  /** The columns of the file, in their order. */
  headers: string[];
  rows: number;
  created: number;
  updated: number;
  unchanged: number;
  rejected: number;
  createdRelated: { objectId: string; created: number }[];
  outcomes: { line: number; isUpdate: boolean }[];
  groups: ProblemGroup[];
}

export interface Import {
  id: string;
  objectId: string;
  memberId: string;
  memberName: string;
  fileName: string;
  fileSize: number;
  format: FileFormat;
  settings: Partial<ImportSettings> | null;
  status: 'UPLOADING' | 'READY' | 'WAITING' | 'RUNNING' | 'CHECKED' | 'DONE' | 'FAILED' | 'CANCELLED';
  isDryRun: boolean;
  phase: 'reading' | 'checking' | 'writing' | null;
  rowsDone: number;
  bytesDone: number;
  result: ImportResult | null;
  failure: { code: string; message: string; hint: string | null } | null;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  revertedAt: string | null;
  /** The request that did, took back or did again what it did. */
  lastRequest: string;
  isFileKept: boolean;
  wantsCancel: boolean;
  hasRejectsFile: boolean;
  fixes: number | null;
}

export interface Target {
  path: string;
  fieldId: string;
  label: string;
  /** Of a composite field, what of it; of a relation, by what its records are found. */
  part: string;
  type: string;
  isRelation: boolean;
  isUnique: boolean;
  options: { value: string; label: string }[];
}

interface MappedColumn {
  header: string;
  path: string;
  note: 'guessed' | 'given' | 'ignored' | 'unknown' | 'taken' | 'computed';
  samples: string[];
}

export interface FileReading {
  format: FileFormat;
  sheets: string[];
  presets: { id: string; label: string }[];
  preset: string | null;
  remembered: ImportSettings | null;
  mapping: MappedColumn[];
  targets: Target[];
  rows: { line: number; cells: string[] }[];
}

export interface PreviewRow {
  line: number;
  cells: { text: string; problem: string | null }[];
}

export interface Problem {
  line: number;
  reason: string;
  cell: number | null;
  cells: string[];
  fixes: { [cell: string]: string } | null;
}

export const isRunning = ({ status }: Import): boolean => status === 'WAITING' || status === 'RUNNING';

/** How many records it created or changed. */
export const countOf = ({ result }: Import): number => (result ? result.created + result.updated : 0);

export const findImport = (id: string): Promise<Import> => fetchJson(`/imports/${id}`);

export const listImports = async (before: string | null): Promise<Import[]> =>
  (await fetchJson<{ imports: Import[] }>(`/imports${before ? `?before=${before}` : ''}`)).imports;

export const readFile = (id: string, format: Partial<FileFormat>, preset: string | null | undefined): Promise<FileReading> =>
  fetchJson(`/imports/${id}/read`, { format, ...(preset === undefined ? {} : { preset }) }); // prettier-ignore

export const previewFile = async (id: string, format: FileFormat, settings: ImportSettings): Promise<PreviewRow[]> =>
  (await fetchJson<{ rows: PreviewRow[] }>(`/imports/${id}/preview`, { format, settings })).rows;

export const columnValues = async (id: string, format: FileFormat, header: string) =>
  (await fetchJson<{ values: { value: string; count: number }[] }>(`/imports/${id}/values`, { format, header })).values;

export const startImport = (id: string, format: FileFormat, settings: ImportSettings, isDryRun: boolean) =>
  fetchJson(`/imports/${id}/start`, { format, settings, isDryRun });

export const cancelImport = (id: string) => fetchJson(`/imports/${id}/cancel`, {});

export const findProblems = async (id: string, kind: string | null, after: number): Promise<Problem[]> =>
  (
    await fetchJson<{ problems: Problem[] }>(
      `/imports/${id}/problems?after=${after}${kind === null ? '' : `&kind=${encodeURIComponent(kind)}`}`,
    )
  ).problems;

export const mendCell = (id: string, line: number, cell: number, value: string) =>
  fetchJson(`/imports/${id}/fixes`, { fixes: [{ line, cell, value }] });

/** Takes back what an import did, or does it again. Refused where others have changed it since. */
export const turnImport = (id: string, how: 'undo' | 'redo') => fetchJson(`/imports/${id}/${how}`, {});

export const rejectsAddress = (id: string): string => `/imports/${id}/rejects.csv`;
export const templateAddress = (object: string): string => `/imports/template?object=${encodeURIComponent(object)}`;

export async function discardImport(id: string): Promise<void> {
  const response = await fetchSignedIn(`/imports/${id}`, { method: 'DELETE', credentials: 'same-origin' });
  if (!response.ok && response.status !== 404) throw new Failure('The file was not discarded.', 'SERVER');
}

/** Sends a file, and tells how much of it has gone. `fetch` cannot tell. */
export async function uploadFile(
  object: string,
  file: File,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<string> {
  // What asks by fetch also renews a session that has run out.
  await fetchJson('/imports?limit=1');
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/imports?object=${encodeURIComponent(object)}&name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader('content-type', 'application/octet-stream');
    const member = actingAs();
    if (member !== null) request.setRequestHeader('X-Member', member);
    request.responseType = 'json';
    request.upload.addEventListener('progress', ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0));
    request.addEventListener('load', () => {
      const answer = request.response as {
        id?: string;
        error?: { message: string; code: string; hint?: string };
      } | null;
      if (request.status === 201 && answer?.id) resolve(answer.id);
      else
        reject(
          new Failure(
            answer?.error?.message ?? t('The server answered with status {status}.', { status: request.status }),
            answer?.error?.code ?? 'SERVER',
            answer?.error?.hint,
          ),
        );
    });
    request.addEventListener('error', () =>
      reject(new Failure('The server cannot be reached. Check your connection and try again.', 'UNREACHABLE')),
    );
    request.addEventListener('abort', () => reject(toFailure(new Failure('The upload was stopped.', 'ABORTED'))));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
