import { ask, perform, run } from '../../model/calls.ts';

export const renameWorkspace = (name: string): Promise<void> => run('renameWorkspace', { name });

export const trashDays = (): Promise<number> => ask('trashDays');

export const setTrashDays = (days: number): Promise<number> => perform('setTrashDays', { days });

/** Null days are for ever. */
export const eventRetention = async (): Promise<{ days: number | null }> => ({
  days: await ask<number | null>('eventRetention'),
});

export const setEventRetention = (days: number | null): Promise<void> => run('setEventRetention', { days });
