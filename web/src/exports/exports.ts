import { fetchJson, Failure, toFailure } from '../api/failure.ts';
import type { ColumnValue } from '../model/types.ts';
import { t } from '../language/t.ts';

export type ExportFormat = 'csv' | 'xlsx' | 'ndjson' | 'vcard';

export interface ExportRequest {
  object: string;
  format: ExportFormat;
  fields: string[];
  hasIds: boolean;
  isHuman: boolean;
  isGuarded: boolean;
  timeZone: string;
  /** These records, or those that a list shows. */
  ids?: string[];
  filter?: { [key: string]: ColumnValue } | null;
  orderBy?: string[];
}

/** Asks whether it may be, then has the browser take the answer as a file: nothing of it is held by the page. */
export async function download(request: ExportRequest, onFailure: (failure: Failure) => void): Promise<void> {
  const { ids, filter, orderBy, ...what } = request;
  await fetchJson('/exports/check', what);
  const frame = document.createElement('iframe');
  frame.name = `export-${Date.now()}`;
  frame.hidden = true;
  frame.title = t('Export');
  const form = document.createElement('form');
  form.method = 'POST';
  form.action = '/exports';
  form.target = frame.name;
  form.hidden = true;
  const input = document.createElement('input');
  input.name = 'request';
  input.value = JSON.stringify({ ...what, ...(ids ? { ids } : { filter: filter ?? null, orderBy: orderBy ?? [] }) });
  form.append(input);
  document.body.append(frame, form);
  // A file loads no page: what does is the answer of a server that refuses.
  frame.addEventListener('load', () => {
    const text = frame.contentDocument?.body?.textContent ?? '';
    if (text.trim() === '') return;
    try {
      const { error } = JSON.parse(text) as { error: { message: string; code: string; hint?: string } };
      onFailure(new Failure(error.message, error.code, error.hint));
    } catch {
      onFailure(toFailure(new Error(t('The server did not send the file.'))));
    }
  });
  form.submit();
  // The download outlives the frame that began it.
  setTimeout(() => [frame, form].forEach((each) => each.remove()), 60_000);
}
