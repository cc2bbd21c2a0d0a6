import { create } from 'zustand';

export const useCommand = create<{ opened: boolean }>(() => ({ opened: false }));
export const openCommand = (): void => useCommand.setState({ opened: true });

interface HelpState {
  opened: boolean;
}

export const useHelp = create<HelpState>(() => ({ opened: false }));

/** The object whose page should begin a new record when it is shown next. */
interface CreateState {
  objectId: string | null;
}

export const useCreate = create<CreateState>(() => ({ objectId: null }));
export const askToCreate = (objectId: string): void => useCreate.setState({ objectId });
