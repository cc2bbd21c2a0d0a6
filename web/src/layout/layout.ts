import { isFilesList } from '../files/filesList.ts';
import type { StoredFilter } from '../model/filterTree.ts';
import { fieldById, joinedFrom, relatedLists, visibleFields, type RelatedList } from '../model/lookup.ts';
import type { FieldType, Model, ModelField, ModelObject } from '../model/types.ts';
import { t } from '../language/t.ts';

/**
 * How the page of a record is arranged. A layout names fields and relations by their ids and never gives a right: what the
 * role does not read is left out, and what is new in the model comes to where it belongs by itself.
 */

interface Common {
  id: string;
  title?: string;
  /** Which records show it; all, when absent. */
  condition?: StoredFilter;
}

export type Aggregate = 'COUNT' | 'SUM' | 'AVG' | 'MIN' | 'MAX';

export type Widget = Common &
  (
    | { kind: 'FIELDS'; fieldIds: string[]; takesNew?: boolean; isFolded?: boolean }
    /** One field with room of its own: a long text, or the records that it links. */
    | { kind: 'FIELD'; fieldId: string }
    | { kind: 'RELATION'; relationId: string; as?: 'LIST' | 'TABLE' | 'BOARD'; groupFieldId?: string }
    | { kind: 'CHART'; relationId: string; groupFieldId: string; aggregate: Aggregate; fieldId?: string }
    | { kind: 'TEXT'; text: string }
    | { kind: 'FRAME'; url: string }
    | { kind: 'ABOUT' | 'NOTES' | 'TASKS' | 'FILES' | 'COMMENTS' | 'TIMELINE' }
  );

export type WidgetKind = Widget['kind'];
export type WidgetOf<Kind extends WidgetKind> = Extract<Widget, { kind: Kind }>;

export interface Tab {
  id: string;
  /** What somebody has called it; the usual tabs are called in the language of who looks. */
  name?: string;
  condition?: StoredFilter;
  widgets: Widget[];
}

export interface Layout {
  /** What the head of the page tells beside the name. */
  headerFieldIds: string[];
  /** The select whose options are the stages that a record goes through. */
  stageFieldId: string | null;
  /** Beside the tabs; on a phone and in the peek the first of them. */
  side: Widget[];
  tabs: Tab[];
  /** Fields and relations that were taken out: of fields, the last group still tells. */
  hidden: string[];
}

/** Beyond so many long texts, a page that shows each in full is no page any more. */
const LONG_TEXTS = 6;
const KEY_FIELDS = 4;
const TELLING: FieldType[] = ['CURRENCY', 'MEMBER', 'RELATION', 'DATE', 'EMAILS', 'PHONES', 'LINKS', 'NUMBER'];

/** The list of joined notes or tasks, or null where the object has none. */
export const joinedList = (model: Model, object: ModelObject, nameSingular: 'note' | 'task'): RelatedList | null =>
  relatedLists(model, object).find(
    ({ through }) => through && !through.target.isCustom && through.target.nameSingular === nameSingular,
  ) ?? null;

/** The relations that have a card of their own elsewhere. */
const isElsewhere = (list: RelatedList): boolean =>
  isFilesList(list) ||
  (list.through !== undefined &&
    !list.through.target.isCustom &&
    ['note', 'task'].includes(list.through.target.nameSingular));

const isLong = (field: ModelField): boolean => field.type === 'RICH_TEXT' || field.junction !== null;

/** Fields that have a card of their own unless somebody arranges it otherwise. */
function ownCards(fields: ModelField[]): ModelField[] {
  const texts = fields.filter(({ type }) => type === 'RICH_TEXT').slice(0, LONG_TEXTS);
  return fields.filter((field) => field.junction !== null || texts.includes(field));
}

const cardOf = (field: ModelField): Widget => ({ id: `field-${field.name}`, kind: 'FIELD', fieldId: field.id });
const cardOfList = (list: RelatedList): Widget => ({
  id: `relation-${list.holder.nameSingular}-${list.field.name}`,
  kind: 'RELATION',
  relationId: list.relation.id,
});

/** A select that says how far a record has come, by the names that are usual. */
export const stages = (object: ModelObject): ModelField[] =>
  visibleFields(object).filter((field) => field.type === 'SELECT' && (field.options?.length ?? 0) > 1);

const usualStage = (object: ModelObject): ModelField | undefined =>
  stages(object).find(({ name }) => name === 'stage') ?? stages(object).find(({ name }) => name === 'status');

function usualKeys(object: ModelObject): ModelField[] {
  const fields = visibleFields(object).filter((field) => !field.isSystem && field.id !== object.labelFieldId);
  return TELLING.flatMap((type) => fields.filter((field) => field.type === type)).slice(0, KEY_FIELDS);
}

/** What follows from the model alone, where nobody has arranged anything. */
export function usualLayout(model: Model, object: ModelObject): Layout {
  const fields = visibleFields(object);
  const cards = ownCards(fields);
  const lists = relatedLists(model, object).filter((list) => !isElsewhere(list));
  const tabOf = (id: string, kind: 'NOTES' | 'TASKS'): Tab => ({ id, widgets: [{ id, kind }] });
  return {
    headerFieldIds: usualKeys(object).map(({ id }) => id),
    stageFieldId: usualStage(object)?.id ?? null,
    side: [
      {
        id: 'fields',
        kind: 'FIELDS',
        fieldIds: fields.filter((field) => !cards.includes(field)).map(({ id }) => id),
        takesNew: true,
      },
    ],
    tabs: [
      {
        id: 'overview',
        widgets: [
          ...cards.filter(({ junction }) => !junction).map(cardOf),
          ...cards.filter(({ junction }) => junction).map(cardOf),
          ...(joinedFrom(model, object).length > 0 ? [{ id: 'about', kind: 'ABOUT' } as const] : []),
          ...lists.map(cardOfList),
          { id: 'files', kind: 'FILES' },
          { id: 'comments', kind: 'COMMENTS' },
          { id: 'timeline', kind: 'TIMELINE' },
        ],
      },
      ...(joinedList(model, object, 'task') ? [tabOf('tasks', 'TASKS')] : []),
      ...(joinedList(model, object, 'note') ? [tabOf('notes', 'NOTES')] : []),
    ],
    hidden: [],
  };
}

const namedIn = (filter: StoredFilter): string[] => {
  if ('and' in filter) return filter.and.flatMap(namedIn);
  if ('or' in filter) return filter.or.flatMap(namedIn);
  if ('not' in filter) return namedIn(filter.not);
  return filter.fieldId === undefined ? [] : [filter.fieldId];
};

/** The fields that conditions look at. */
export const conditionFields = (layout: Layout): string[] =>
  [...layout.tabs, ...widgetsOf(layout)].flatMap(({ condition }) => (condition ? namedIn(condition) : []));

export const widgetsOf = (layout: Layout): Widget[] => [
  ...layout.side,
  ...layout.tabs.flatMap(({ widgets }) => widgets),
];

const placedFields = (layout: Layout): Set<string> =>
  new Set(
    widgetsOf(layout).flatMap((widget) =>
      widget.kind === 'FIELDS' ? widget.fieldIds : widget.kind === 'FIELD' ? [widget.fieldId] : [],
    ),
  );

const mapWidgets = (layout: Layout, change: (widgets: Widget[]) => Widget[]): Layout => ({
  ...layout,
  side: change(layout.side),
  tabs: layout.tabs.map((tab) => ({ ...tab, widgets: change(tab.widgets) })),
});

/** Ids are made of names, and names are given anew. */
function withFreeId(layout: Layout, widget: Widget): Widget {
  const taken = new Set(widgetsOf(layout).map(({ id }) => id));
  let id = widget.id;
  for (let count = 2; taken.has(id); count++) id = `${widget.id}-${count}`;
  return { ...widget, id };
}

/** Puts a widget after the last of those that are like it, and else at the end of the first tab. */
function putBeside(layout: Layout, wanted: Widget, isLike: (other: Widget) => boolean): Layout {
  const widget = withFreeId(layout, wanted);
  const at = layout.tabs.findIndex(({ widgets }) => widgets.some(isLike));
  const into = Math.max(0, at);
  if (layout.tabs.length === 0) return { ...layout, side: [...layout.side, widget] };
  return {
    ...layout,
    tabs: layout.tabs.map((tab, index) => {
      if (index !== into) return tab;
      const last = tab.widgets.findLastIndex(isLike);
      const place = at < 0 ? tab.widgets.length : last + 1;
      return { ...tab, widgets: [...tab.widgets.slice(0, place), widget, ...tab.widgets.slice(place)] };
    }),
  };
}

/** A new field comes to the group that takes new ones, else to that of the field which it follows in the model. */
function putField(layout: Layout, field: ModelField, order: ModelField[]): Layout {
  const groups = widgetsOf(layout).filter((widget) => widget.kind === 'FIELDS');
  const before = order.slice(0, order.indexOf(field)).toReversed();
  const neighbour = before.find(({ id }) => groups.some(({ fieldIds }) => fieldIds.includes(id)));
  const group =
    groups.find(({ takesNew }) => takesNew) ??
    groups.find(({ fieldIds }) => neighbour && fieldIds.includes(neighbour.id)) ??
    groups[0];
  if (!group) {
    const made = withFreeId(layout, { id: 'fields', kind: 'FIELDS', fieldIds: [field.id], takesNew: true });
    return { ...layout, side: [...layout.side, made] };
  }
  const last = neighbour ? group.fieldIds.indexOf(neighbour.id) : -1;
  const place = last < 0 ? group.fieldIds.length : last + 1;
  const fieldIds = [...group.fieldIds.slice(0, place), field.id, ...group.fieldIds.slice(place)];
  return mapWidgets(layout, (widgets) =>
    widgets.map((widget) => (widget.id === group.id ? { ...group, fieldIds } : widget)),
  );
}

/** A layout as it was kept, with what has come to the model since. */
export function completed(model: Model, object: ModelObject, kept: Layout): Layout {
  const fields = visibleFields(object);
  const placed = placedFields(kept);
  let layout = kept;
  for (const field of fields) {
    if (placed.has(field.id) || kept.hidden.includes(field.id)) continue;
    layout = isLong(field)
      ? putBeside(layout, cardOf(field), ({ kind }) => kind === 'FIELD')
      : putField(layout, field, fields);
  }
  const shown = new Set(widgetsOf(layout).flatMap((widget) => (widget.kind === 'RELATION' ? [widget.relationId] : [])));
  for (const list of relatedLists(model, object)) {
    const { id } = list.relation;
    if (isElsewhere(list) || shown.has(id) || kept.hidden.includes(id)) continue;
    layout = putBeside(layout, cardOfList(list), ({ kind }) => kind === 'RELATION');
  }
  return layout;
}

/** What nobody has arranged follows from the model; what somebody did is completed. */
export const layoutOf = (model: Model, object: ModelObject, kept: Layout | null): Layout =>
  kept ? completed(model, object, kept) : usualLayout(model, object);

/** As one viewer is shown it: without what the role does not read, and without what is not for this record. */
export function shownLayout(
  model: Model,
  object: ModelObject,
  layout: Layout,
  isShown: (condition: StoredFilter | undefined) => boolean,
): Layout {
  const readable = visibleFields(object);
  const isReadable = (id: string) => readable.some((field) => field.id === id);
  const lists = relatedLists(model, object);
  const here: { [kind in WidgetKind]?: () => boolean } = {
    ABOUT: () => joinedFrom(model, object).length > 0,
    NOTES: () => joinedList(model, object, 'note') !== null,
    TASKS: () => joinedList(model, object, 'task') !== null,
  };
  const keep = (widgets: Widget[]): Widget[] =>
    widgets.flatMap((widget): Widget[] => {
      if (!isShown(widget.condition) || here[widget.kind]?.() === false) return [];
      if (widget.kind === 'FIELDS') {
        const fieldIds = widget.fieldIds.filter(isReadable);
        return fieldIds.length > 0 ? [{ ...widget, fieldIds }] : [];
      }
      if (widget.kind === 'FIELD') return isReadable(widget.fieldId) ? [widget] : [];
      if ('relationId' in widget)
        return lists.some(({ relation }) => relation.id === widget.relationId) ? [widget] : [];
      return [widget];
    });
  const tabs = layout.tabs.flatMap((tab): Tab[] => {
    const widgets = isShown(tab.condition) ? keep(tab.widgets) : [];
    return widgets.length > 0 ? [{ ...tab, widgets }] : [];
  });
  const shown = { ...layout, side: keep(layout.side), tabs };
  const placed = placedFields(shown);
  const rest = readable.filter(({ id }) => !placed.has(id));
  const more: Widget = {
    id: 'more',
    kind: 'FIELDS',
    title: t('More fields'),
    isFolded: true,
    fieldIds: rest.map(({ id }) => id),
  };
  return {
    ...shown,
    headerFieldIds: layout.headerFieldIds.filter(isReadable),
    stageFieldId: fieldById(object, layout.stageFieldId)?.type === 'SELECT' ? layout.stageFieldId : null,
    side: rest.length > 0 ? [...shown.side, more] : shown.side,
  };
}
