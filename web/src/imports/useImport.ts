import { useCallback, useEffect, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { findImport, isRunning, type Import } from './imports.ts';

const LOOK_MS = 600;

/** One import as it is now: while a worker is at it, it is looked at again and again. */
export function useImport(id: string | null): {
  found: Import | null;
  failure: Failure | null;
  again: () => Promise<void>;
} {
  const [state, setState] = useState<{ found: Import | null; failure: Failure | null }>({ found: null, failure: null });
  const again = useCallback(async () => {
    if (id === null) return;
    try {
      setState({ found: await findImport(id), failure: null });
    } catch (cause) {
      setState((before) => ({ found: before.found, failure: toFailure(cause) }));
    }
  }, [id]);
  useEffect(() => {
    setState({ found: null, failure: null });
    void again();
  }, [again]);
  const running = state.found !== null && isRunning(state.found);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => void again(), LOOK_MS);
    return () => clearInterval(timer);
  }, [running, again]);
  return { ...state, again };
}
