import { gql } from 'urql';
import { requestMetadata } from '../api/client.ts';
import { fetchJson } from '../api/failure.ts';
import { ask, run } from '../model/calls.ts';
import type { StoredFilter } from '../model/filterTree.ts';
import type { ViewSort } from '../views/savedViews.ts';
import type { ExportFormat } from './exports.ts';

export interface Bucket {
  endpoint: string;
  region: string;
  bucket: string;
  prefix?: string | null;
  keyId: string;
  isPathStyle?: boolean;
}

/** What an export that comes again is told. */
export interface ExportSettings {
  name: string;
  objectId: string;
  /** Which view it follows; null for the filter that is kept with it. */
  viewId: string | null;
  filter: StoredFilter | null;
  sorts: ViewSort[];
  /** Null for the columns of the view. */
  fieldIds: string[] | null;
  format: ExportFormat;
  hasIds: boolean;
  isHuman: boolean;
  isGuarded: boolean;
  recurrence: string;
  timeZone: string;
  nextAt: string | null;
  destination: 'EMAIL' | 'S3';
  recipients: string[];
  bucket: Bucket | null;
}

export interface ExportRun {
  id: string;
  state: 'WAITING' | 'RUNNING' | 'DONE' | 'FAILED';
  isManual: boolean;
  attempts: number;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  rows: number | null;
  bytes: number | null;
  fileName: string | null;
  /** Where it lies in the bucket. */
  place: string | null;
  /** Until when the file can be fetched here; null where it cannot. */
  fileExpiresAt: string | null;
  failure: { code: string; message: string; hint: string | null } | null;
}

export interface ScheduledExport extends ExportSettings {
  id: string;
  viewName: string | null;
  recipientNames: { [id: string]: string };
  hasSecret: boolean;
  isActive: boolean;
  stoppedReason: string | null;
  isMine: boolean;
  ownerName: string | null;
  lastRun: ExportRun | null;
}

export const askExports = (): Promise<ScheduledExport[]> => ask('myExports');
export const askRuns = (exportId: string): Promise<ExportRun[]> =>
  ask('exportRuns', { exportId: 'UUID', maxResults: 'Int' }, { exportId, maxResults: 50 });

const SAVE = gql<{ saveExport: { result: string } }, { settings: ExportSettings; exportId: string | null }>(
  'mutation SaveExport($settings: JSON!, $exportId: UUID) { saveExport(input: { settings: $settings, exportId: $exportId }) { result } }',
);

/** The secret of a bucket goes by the server, which seals it. */
export async function saveExport(settings: ExportSettings, secret: string, exportId: string | null): Promise<string> {
  const id = (await requestMetadata(SAVE, { settings, exportId })).saveExport.result;
  if (secret !== '') await fetchJson('/exports/secret', { export: id, secret });
  return id;
}

export const runExport = (exportId: string) => run('runExport', { exportId });
export const pauseExport = (exportId: string, isPaused: boolean) => run('pauseExport', { exportId, isPaused });
export const deleteExport = (exportId: string) => run('deleteExport', { exportId });
export const restoreExport = (exportId: string) => run('restoreExport', { exportId });
