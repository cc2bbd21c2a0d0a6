import { useEffect } from 'react';
import { gql } from 'urql';
import { create } from 'zustand';
import { requestMetadata } from '../api/client.ts';
import { onReconnect, onViews } from '../api/live.ts';
import { parsed, run } from '../model/calls.ts';
import type { StoredFilter } from '../model/filterTree.ts';
import type { ModelObject } from '../model/types.ts';
import type { StoredColorRule } from '../records/tones.ts';
import { useSession } from '../session/session.ts';

export interface ViewColumn {
  fieldId: string;
  width: number | null;
  isVisible: boolean;
  isPinned: boolean;
  aggregate: string | null;
}

export interface ViewSort {
  fieldId: string;
  part?: string;
  descending?: boolean;
}

export type ViewBucket = 'DAY' | 'WEEK' | 'MONTH' | 'QUARTER' | 'YEAR';
export type ViewType = 'TABLE' | 'BOARD' | 'CALENDAR' | 'TIMELINE' | 'GALLERY' | 'MAP';

/** What a board, a calendar, a timeline, a gallery or a map is told besides. What is not there is as usual. */
export interface ViewOptions {
  cardSize?: 'COMPACT' | 'FULL';
  /** Where the ranges of numbers begin that make the columns of a board. */
  bounds?: number[];
  /** Columns of a board by their keys. */
  hiddenColumns?: string[];
  collapsedColumns?: string[];
  /** How many cards a column should hold at most. */
  limits?: { [column: string]: number };
  /** What the head of a column says of its cards besides how many they are. */
  summary?: { fieldId: string; aggregate: 'SUM' | 'AVG' | 'MIN' | 'MAX' };
  dateFieldId?: string;
  endFieldId?: string;
  scale?: 'QUARTER' | 'MONTH' | 'WEEK' | 'DAY';
  coverFieldId?: string;
  /** The address or location that a map goes by. */
  placeFieldId?: string;
}

export interface SavedView {
  colors: StoredColorRule[];
  id: string;
  name: string;
  icon: string | null;
  type: ViewType;
  visibility: 'WORKSPACE' | 'PERSONAL';
  ownerId: string | null;
  ownerName: string | null;
  isLocked: boolean;
  filter: StoredFilter | null;
  sorts: ViewSort[];
  groupFieldId: string | null;
  groupBucket: ViewBucket | null;
  layout: ViewOptions;
  /** Whether the caller may save over it. */
  canUpdate: boolean;
  /** Whether the caller shares, locks and deletes it. */
  isKept: boolean;
  columns: ViewColumn[];
}

export interface ViewDefault {
  viewId: string;
  principalKind: 'MEMBER' | 'ROLE' | 'WORKSPACE';
  principalId: string | null;
}

export interface ObjectViews {
  views: SavedView[];
  /** What shows first. */
  defaultId: string | null;
  defaults: ViewDefault[];
}

type Answered = Omit<SavedView, 'filter' | 'sorts' | 'layout' | 'colors' | 'columns' | 'canUpdate' | 'isKept'> & {
  filter: StoredFilter | string | null;
  sorts: ViewSort[] | string;
  layout: ViewOptions | string;
  colors: StoredColorRule[] | string;
  viewFields: { nodes: ViewColumn[] };
};

interface Rights {
  changeable: string[];
  kept: string[];
}

const VIEWS = gql<
  {
    views: { nodes: Answered[] };
    defaultView: { id: string } | null;
    viewDefaults: { nodes: ViewDefault[] };
    myViews: Rights | string;
  },
  { object: string }
>(`query Views($object: UUID!) {
  views(filter: { objectId: { equalTo: $object } }, orderBy: [POSITION_ASC, ID_ASC]) { nodes {
    id name icon type visibility ownerId ownerName isLocked filter sorts groupFieldId groupBucket layout colors
    viewFields(orderBy: [POSITION_ASC, ID_ASC]) { nodes { fieldId width isVisible isPinned aggregate } }
  } }
  myViews
  defaultView(objectId: $object) { id }
  viewDefaults(filter: { objectId: { equalTo: $object } }) { nodes { viewId principalKind principalId } }
}`);

/** What there is of each object, by who looks: kept, so that opening another view asks for nothing but its records. */
const useStore = create<{ [key: string]: ObjectViews }>(() => ({}));

const viewer = (): string => useSession.getState().identity?.member?.id ?? '';
const keyOf = (objectId: string): string => `${viewer()} ${objectId}`;

const rounds = new Map<string, number>();

export async function loadViews(objectId: string): Promise<void> {
  const key = keyOf(objectId);
  const round = (rounds.get(key) ?? 0) + 1;
  rounds.set(key, round);
  const { views, defaultView, viewDefaults, myViews } = await requestMetadata(VIEWS, { object: objectId });
  // Of two answers on their way the one that was asked for last counts.
  if (rounds.get(key) !== round) return;
  const rights = parsed(myViews);
  useStore.setState({
    [key]: {
      views: views.nodes.map(({ viewFields, filter, sorts, layout, colors, ...view }) => ({
        ...view,
        filter: filter === null ? null : parsed(filter),
        sorts: parsed(sorts),
        layout: parsed(layout),
        colors: parsed(colors),
        canUpdate: rights.changeable.includes(view.id),
        isKept: rights.kept.includes(view.id),
        columns: viewFields.nodes,
      })),
      defaultId: defaultView?.id ?? null,
      defaults: viewDefaults.nodes,
    },
  });
}

const underWay = new Map<string, Promise<void>>();
const expected = new Set<string>();

/** Reads them unless that is under way. Without its views an object still has its records. */
function readViews(objectId: string): Promise<void> {
  const key = keyOf(objectId);
  const reading =
    underWay.get(key) ??
    loadViews(objectId)
      .catch(() => useStore.setState((state) => ({ [key]: state[key] ?? NOTHING })))
      .finally(() => underWay.delete(key));
  underWay.set(key, reading);
  return reading;
}

/** For who is about to open an object: so what shows first is known when its page is there. */
export function expectViews(objectId: string): void {
  if (useStore.getState()[keyOf(objectId)]) return;
  expected.add(keyOf(objectId));
  void readViews(objectId);
}

const NOTHING: ObjectViews = { views: [], defaultId: null, defaults: [] };

/** The views of an object that the caller sees, followed as others change them; null until they are known. */
export function useObjectViews(object: ModelObject | undefined): ObjectViews | null {
  const id = object?.id ?? '';
  const key = keyOf(id);
  const known = useStore((state) => state[key]);
  useEffect(() => {
    if (id === '') return undefined;
    const load = () => void loadViews(id).catch(() => undefined);
    if (!expected.delete(key)) void readViews(id);
    const stops = [onViews(load), onReconnect(load)];
    return () => stops.forEach((stop) => stop());
  }, [id, key]);
  return known ?? null;
}

/** What a view is like, as the database takes it. */
export interface ViewState {
  colors: StoredColorRule[];
  filter: StoredFilter | null;
  sorts: ViewSort[];
  type: ViewType;
  groupFieldId: string | null;
  groupBucket: ViewBucket | null;
  layout: ViewOptions;
  fields: ViewColumn[];
  icon?: string;
}

const ADD = gql<{ addView: { result: { id: string } } }, { input: { [name: string]: unknown } }>(
  'mutation AddView($input: AddViewInput!) { addView(input: $input) { result { id } } }',
);
const COPY = gql<{ copyView: { result: { id: string } } }, { input: { [name: string]: unknown } }>(
  'mutation CopyView($input: CopyViewInput!) { copyView(input: $input) { result { id } } }',
);

export async function addView(
  objectId: string,
  name: string,
  visibility: SavedView['visibility'],
  state: ViewState,
): Promise<string> {
  const { addView: made } = await requestMetadata(ADD, { input: { objectId, name, visibility, state } });
  await loadViews(objectId);
  return made.result.id;
}

export async function copyView(objectId: string, viewId: string): Promise<string> {
  const { copyView: made } = await requestMetadata(COPY, { input: { viewId } });
  await loadViews(objectId);
  return made.result.id;
}

/** Changes views of an object, and shows what there is then. */
async function change(objectId: string, name: string, input: { [name: string]: unknown }): Promise<void> {
  await run(name, input);
  await loadViews(objectId);
}

export const saveView = (objectId: string, viewId: string, state: Partial<ViewState>) =>
  change(objectId, 'saveView', { viewId, state });
export const updateView = (
  objectId: string,
  id: string,
  patch: Partial<Pick<SavedView, 'name' | 'icon' | 'visibility' | 'isLocked'>>,
) => change(objectId, 'updateView', { id, patch });
export const deleteView = (objectId: string, id: string) => change(objectId, 'deleteView', { id });
export const restoreView = (objectId: string, viewId: string) => change(objectId, 'restoreView', { viewId });
export const takeOverView = (objectId: string, viewId: string) => change(objectId, 'takeOverView', { viewId });
export const setDefaultView = (
  objectId: string,
  viewId: string | null,
  principalKind: ViewDefault['principalKind'],
  principalId: string | null = null,
) => change(objectId, 'setDefaultView', { objectId, viewId, principalKind, principalId });
