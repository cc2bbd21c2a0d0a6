import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';

export interface Inquiry<Answer> {
  answer: Answer | null;
  failure: Failure | null;
  busy: boolean;
  /** Asks again and keeps the old answer on screen until the new one is there. */
  again: () => void;
}

/** Asks a question when its key changes. An answer that comes after a later question was asked is dropped. */
export function useInquiry<Answer>(key: string | null, question: () => Promise<Answer>): Inquiry<Answer> {
  const [state, setState] = useState<{ key: string | null; answer: Answer | null; failure: Failure | null }>({
    key: null,
    answer: null,
    failure: null,
  });
  const [round, setRound] = useState(0);
  const [busy, setBusy] = useState(false);
  const latest = useRef(question);
  useLayoutEffect(() => {
    latest.current = question;
  });
  useEffect(() => {
    if (key === null) return;
    let current = true;
    setBusy(true);
    latest.current().then(
      (answer) => current && (setState({ key, answer, failure: null }), setBusy(false)),
      (cause: unknown) => current && (setState({ key, answer: null, failure: toFailure(cause) }), setBusy(false)),
    );
    return () => {
      current = false;
    };
  }, [key, round]);
  const again = useCallback(() => setRound((n) => n + 1), []);
  return { answer: state.answer, failure: state.failure, busy: busy || (key !== null && state.key === null), again };
}
