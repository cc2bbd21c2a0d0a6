import { useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';

/** Runs what a form does, and keeps what the server has against it: at the field it names, else above the buttons. */
export function useSubmit(onDone: () => void) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const submit = async (work: () => Promise<void>) => {
    setBusy(true);
    setFailure(null);
    try {
      await work();
      onDone();
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    setBusy(false);
  };
  const text = failure ? [failure.message, failure.hint].filter(Boolean).join(' ') : null;
  return {
    busy,
    submit,
    problem: failure?.field ? null : text,
    problemAt: (field: string) => (failure?.field === field ? text : null),
  };
}
