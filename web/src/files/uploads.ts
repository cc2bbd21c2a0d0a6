import { useEffect, useRef, useState } from 'react';
import { Failure, toFailure } from '../api/failure.ts';
import { actingAs, refresh } from '../api/refresh.ts';
import { failureOf, type StoredFile } from './files.ts';

/** Sends one file. Only XMLHttpRequest tells how far it is. */
async function send(file: File, onProgress: (share: number) => void, signal: AbortSignal): Promise<StoredFile> {
  const since = Date.now();
  const first = await attempt(file, onProgress, signal);
  const answer = first.status === 401 && (await refresh(since)) ? await attempt(file, onProgress, signal) : first;
  const [stored] = answer.body.files ?? [];
  if (answer.status !== 201 || !stored) throw failureOf(answer.body.error, answer.status);
  return stored;
}

interface Answer {
  status: number;
  body: { files?: StoredFile[]; error?: { message?: string; code?: string; hint?: string | null } };
}

function attempt(file: File, onProgress: (share: number) => void, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/files');
    const member = actingAs();
    if (member !== null) request.setRequestHeader('X-Member', member);
    request.responseType = 'json';
    request.upload.onprogress = (event) => onProgress(event.total > 0 ? event.loaded / event.total : 0);
    request.onload = () => resolve({ status: request.status, body: (request.response as Answer['body'] | null) ?? {} });
    request.onerror = () => reject(new Failure('The line broke. The file was not uploaded.', 'UNREACHABLE'));
    request.onabort = () => reject(new Failure('The upload was stopped.', 'ABORTED'));
    signal.addEventListener('abort', () => request.abort());
    const form = new FormData();
    form.append('file', file, file.name);
    request.send(form);
  });
}

export interface Upload {
  key: number;
  name: string;
  size: number;
  /** From 0 to 1. */
  share: number;
  state: 'waiting' | 'sending' | 'keeping' | 'failed';
  problem: string | null;
}

const AT_A_TIME = 3;
let keys = 0;

/**
 * Uploads files, some at a time, and hands each on when it is there. What failed stands until it is tried again or put away;
 * who leaves the page while something is on its way is asked.
 */
export function useUploads(keep: (file: StoredFile) => Promise<void> | void) {
  const [uploads, setUploads] = useState<Upload[]>([]);
  const queue = useRef(new Map<number, { file: File; abort: AbortController; isRunning: boolean }>());
  const keeping = useRef(keep);
  useEffect(() => {
    keeping.current = keep;
  });
  const change = (key: number, part: Partial<Upload>) =>
    setUploads((all) => all.map((each) => (each.key === key ? { ...each, ...part } : each)));
  const drop = (key: number) => {
    queue.current.get(key)?.abort.abort();
    queue.current.delete(key);
    setUploads((all) => all.filter((each) => each.key !== key));
  };

  const next = () => {
    const entries = [...queue.current];
    const running = entries.filter(([, { isRunning }]) => isRunning).length;
    for (const [key, entry] of entries.filter(([, { isRunning }]) => !isRunning).slice(0, AT_A_TIME - running))
      void run(key, entry);
  };
  const run = async (key: number, entry: { file: File; abort: AbortController; isRunning: boolean }) => {
    entry.isRunning = true;
    change(key, { state: 'sending', problem: null });
    try {
      const stored = await send(entry.file, (share) => change(key, { share }), entry.abort.signal);
      change(key, { state: 'keeping', share: 1 });
      await keeping.current(stored);
      drop(key);
    } catch (cause) {
      const { code, message, hint } = toFailure(cause);
      if (code !== 'ABORTED') change(key, { state: 'failed', problem: [message, hint].filter(Boolean).join(' ') });
      failed.current.set(key, entry.file);
      queue.current.delete(key);
    }
    next();
  };
  const failed = useRef(new Map<number, File>());

  const begin = (key: number, file: File) => {
    queue.current.set(key, { file, abort: new AbortController(), isRunning: false });
    next();
  };
  const add = (files: Iterable<File>) => {
    for (const file of files) {
      const key = (keys += 1);
      setUploads((all) => [
        ...all,
        { key, name: file.name, size: file.size, share: 0, state: 'waiting', problem: null },
      ]);
      begin(key, file);
    }
  };
  const again = (key: number) => {
    const file = failed.current.get(key);
    failed.current.delete(key);
    if (file) {
      change(key, { state: 'waiting', share: 0, problem: null });
      begin(key, file);
    }
  };

  const isBusy = uploads.some(({ state }) => state !== 'failed');
  useEffect(() => {
    if (!isBusy) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [isBusy]);

  return { uploads, isBusy, add, again, drop };
}
