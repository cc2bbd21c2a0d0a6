import { useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';

/**
 * Runs what a form does, and keeps what the server has against it. It stands above the buttons unless the form has named the
 * field among those at which it shows failures and which are always in sight, so that none goes unseen.
 */
export function useSubmit({ onDone, inSight = [] }: { onDone?: () => void; inSight?: string[] } = {}) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const submit = async (work: () => Promise<void>) => {
    setBusy(true);
    setFailure(null);
    try {
      await work();
      onDone?.();
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };
  const text = failure ? [failure.message, failure.hint].filter(Boolean).join(' ') : null;
  return {
    busy,
    submit,
    problem: failure?.field && inSight.includes(failure.field) ? null : text,
    problemAt: (field: string) => (failure?.field === field ? text : null),
  };
}
