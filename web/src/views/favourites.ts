import { useEffect } from 'react';
import { gql } from 'urql';
import { create } from 'zustand';
import { requestMetadata } from '../api/client.ts';
import { onReconnect, onViews } from '../api/live.ts';
import { run } from '../model/calls.ts';
import { useSession } from '../session/session.ts';

export interface Favourite {
  id: string;
  /** Null: everybody has it. */
  memberId: string | null;
  kind: 'FOLDER' | 'RECORD' | 'VIEW' | 'OBJECT' | 'LINK';
  label: string | null;
  icon: string | null;
  folderId: string | null;
  objectId: string | null;
  recordId: string | null;
  viewId: string | null;
  url: string | null;
  position: number;
  /** The view, where the caller sees it. */
  view: { name: string; icon: string | null; objectId: string } | null;
}

const FAVOURITES = gql<{ favourites: { nodes: Favourite[] } }, Record<string, never>>(
  `query Favourites { favourites(orderBy: [POSITION_ASC, ID_ASC], first: 500) { nodes {
    id memberId kind label icon folderId objectId recordId viewId url position view { name icon objectId }
  } } }`,
);

const useStore = create<{ [member: string]: Favourite[] }>(() => ({}));
const NONE: Favourite[] = [];
const viewer = (): string => useSession.getState().identity?.member?.id ?? '';

async function loadFavourites(): Promise<void> {
  const key = viewer();
  const { favourites } = await requestMetadata(FAVOURITES, {});
  useStore.setState({ [key]: favourites.nodes });
}

let following = 0;
let stop: (() => void) | undefined;

/** The caller's favourites and everybody's, in their order, followed as they change. */
export function useFavourites(): Favourite[] {
  const member = useSession((state) => state.identity?.member?.id ?? '');
  const list = useStore((state) => state[member]);
  useEffect(() => {
    const load = () => void loadFavourites().catch(() => undefined);
    following += 1;
    if (following === 1) {
      load();
      const stops = [onViews(load), onReconnect(load)];
      stop = () => stops.forEach((each) => each());
    }
    return () => {
      following -= 1;
      if (following === 0) stop?.();
    };
  }, [member]);
  return list ?? NONE;
}

/** What is known of them now. */
export const knownFavourites = (): Favourite[] => useStore.getState()[viewer()] ?? NONE;

type New = Partial<Omit<Favourite, 'view'>> & Pick<Favourite, 'kind'>;

async function change(name: string, input: { [name: string]: unknown }): Promise<void> {
  await run(name, input);
  await loadFavourites();
}

/** Without a member given it is one's own; with null it is everybody's. */
export const addFavourite = (favourite: New) => change('createFavourite', { favourite });
export const removeFavourite = (id: string) => change('deleteFavourite', { id });
export const changeFavourite = (
  id: string,
  patch: Partial<Pick<Favourite, 'label' | 'url' | 'folderId' | 'position'>>,
) => change('updateFavourite', { id, patch });
