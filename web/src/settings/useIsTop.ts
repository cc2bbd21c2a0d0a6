import { useEffect, useId } from 'react';
import { create } from 'zustand';

const useOpened = create<{ ids: string[] }>(() => ({ ids: [] }));

/** Whether no other dialog lies over this one: Escape closes the uppermost alone, not what it was opened from. */
export function useIsTop(): boolean {
  const id = useId();
  useEffect(() => {
    useOpened.setState(({ ids }) => ({ ids: [...ids, id] }));
    return () => useOpened.setState(({ ids }) => ({ ids: ids.filter((each) => each !== id) }));
  }, [id]);
  return useOpened(({ ids }) => ids.at(-1) === id);
}
