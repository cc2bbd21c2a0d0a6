import { ask, perform, run } from '../../model/calls.ts';

export const renameWorkspace = (name: string): Promise<void> => run('renameWorkspace', { name });

export const trashDays = (): Promise<number> => ask('trashDays');

export const setTrashDays = (days: number): Promise<number> => perform('setTrashDays', { days });

/** Null days are for ever. */
export const eventRetention = async (): Promise<{ days: number | null }> => ({
  days: await ask<number | null>('eventRetention'),
});

export const setEventRetention = (days: number | null): Promise<void> => run('setEventRetention', { days });

/** How much the files take up; how large one may be (null: as large as the server allows) and all of them (null: no limit). */
export const fileStorage = (): Promise<{
  files: number;
  bytes: number;
  maxFileMb: number | null;
  quotaMb: number | null;
}> => ask('fileStorage');

export const setMaxFileMb = (megabytes: number | null): Promise<void> => run('setMaxFileMb', { megabytes });
