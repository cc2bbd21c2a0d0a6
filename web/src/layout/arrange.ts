import { widgetsOf, type Layout, type Tab, type Widget } from './layout.ts';

/** What whoever arranges a page does to its layout. Lists are called "side" and "tab:<id>", and those of fields "fields:<widget>". */

const SIDE = 'side';
export const tabList = (tab: Tab): string => `tab:${tab.id}`;
export const fieldList = (widget: Widget): string => `fields:${widget.id}`;

const insertAt = <Item>(items: Item[], item: Item, index: number): Item[] => [
  ...items.slice(0, Math.max(0, index)),
  item,
  ...items.slice(Math.max(0, index)),
];

const mapLists = (layout: Layout, change: (widgets: Widget[], list: string) => Widget[]): Layout => ({
  ...layout,
  side: change(layout.side, SIDE),
  tabs: layout.tabs.map((tab) => ({ ...tab, widgets: change(tab.widgets, tabList(tab)) })),
});

/** The list that something stands in, and its place there. */
export interface Place {
  list: string;
  index: number;
}

export function placeOf(layout: Layout, id: string): Place | null {
  let found: Place | null = null;
  mapLists(layout, (widgets, list) => {
    const at = widgets.findIndex((widget) => widget.id === id);
    if (at >= 0) found = { list, index: at };
    for (const widget of widgets) {
      const field = widget.kind === 'FIELDS' ? widget.fieldIds.indexOf(id) : -1;
      if (field >= 0) found = { list: fieldList(widget), index: field };
    }
    return widgets;
  });
  return found;
}

/** Takes a widget out of where it stands and puts it where it is to be. Places are counted without it. */
export function moveWidget(layout: Layout, id: string, to: Place): Layout {
  const widget = widgetsOf(layout).find((each) => each.id === id);
  if (!widget) return layout;
  return mapLists(layout, (widgets, list) => {
    const others = widgets.filter((each) => each.id !== id);
    return list === to.list ? insertAt(others, widget, to.index) : others;
  });
}

export function moveField(layout: Layout, fieldId: string, to: Place): Layout {
  return mapLists({ ...layout, hidden: layout.hidden.filter((id) => id !== fieldId) }, (widgets) =>
    widgets.flatMap((widget): Widget[] => {
      if (widget.kind === 'FIELD' && widget.fieldId === fieldId) return [];
      if (widget.kind !== 'FIELDS') return [widget];
      const others = widget.fieldIds.filter((id) => id !== fieldId);
      const fieldIds = fieldList(widget) === to.list ? insertAt(others, fieldId, to.index) : others;
      return [{ ...widget, fieldIds }];
    }),
  );
}

export const changeWidget = (layout: Layout, next: Widget): Layout =>
  mapLists(layout, (widgets) => widgets.map((widget) => (widget.id === next.id ? next : widget)));

/** One group takes what is new in the model, or none. */
export const takeNewIn = (layout: Layout, id: string, takesNew: boolean): Layout =>
  mapLists(layout, (widgets) =>
    widgets.map((widget) => {
      if (widget.kind !== 'FIELDS') return widget;
      const { takesNew: _, ...rest } = widget;
      return widget.id === id && takesNew ? { ...rest, takesNew } : rest;
    }),
  );

/** What is taken out does not come back by itself as something new would. */
export function removeWidget(layout: Layout, id: string): Layout {
  const widget = widgetsOf(layout).find((each) => each.id === id);
  if (!widget) return layout;
  const gone =
    widget.kind === 'FIELDS'
      ? widget.fieldIds
      : widget.kind === 'FIELD'
        ? [widget.fieldId]
        : widget.kind === 'RELATION'
          ? [widget.relationId]
          : [];
  const left = mapLists(layout, (widgets) => widgets.filter((each) => each.id !== id));
  return { ...left, hidden: [...new Set([...layout.hidden, ...gone])] };
}

export const removeField = (layout: Layout, fieldId: string): Layout => ({
  ...moveField(layout, fieldId, { list: '', index: 0 }),
  hidden: [...layout.hidden.filter((id) => id !== fieldId), fieldId],
});

const freeId = (taken: string[], base: string): string => {
  let id = base;
  for (let count = 2; taken.includes(id); count++) id = `${base}-${count}`;
  return id;
};

/** Gives the layout with the new widget at the end of a list, and its id. */
export function addWidget(layout: Layout, list: string, widget: Widget): { layout: Layout; id: string } {
  const id = freeId(
    widgetsOf(layout).map((each) => each.id),
    widget.id,
  );
  const shown = 'relationId' in widget ? widget.relationId : widget.kind === 'FIELD' ? widget.fieldId : null;
  const open = { ...layout, hidden: layout.hidden.filter((each) => each !== shown) };
  return {
    id,
    layout: mapLists(open, (widgets, each) => (each === list ? [...widgets, { ...widget, id }] : widgets)),
  };
}

export function addTab(layout: Layout, name: string): { layout: Layout; id: string } {
  const id = freeId(
    layout.tabs.map((tab) => tab.id),
    'tab',
  );
  return { id, layout: { ...layout, tabs: [...layout.tabs, { id, name, widgets: [] }] } };
}

export const changeTab = (layout: Layout, next: Tab): Layout => ({
  ...layout,
  tabs: layout.tabs.map((tab) => (tab.id === next.id ? next : tab)),
});

export function moveTab(layout: Layout, id: string, by: number): Layout {
  const at = layout.tabs.findIndex((tab) => tab.id === id);
  const tab = layout.tabs[at];
  const to = at + by;
  if (!tab || to < 0 || to >= layout.tabs.length) return layout;
  return {
    ...layout,
    tabs: insertAt(
      layout.tabs.filter((each) => each !== tab),
      tab,
      to,
    ),
  };
}

/** The widgets of a tab that goes come to the one before it, or after; with the last they go, too. */
export function removeTab(layout: Layout, id: string): Layout {
  const at = layout.tabs.findIndex((tab) => tab.id === id);
  const gone = layout.tabs[at];
  if (!gone) return layout;
  const tabs = layout.tabs.filter((tab) => tab !== gone);
  const into = Math.max(0, at - 1);
  if (tabs.length === 0) return { ...layout, tabs, side: [...layout.side, ...gone.widgets] };
  return {
    ...layout,
    tabs: tabs.map((tab, index) => (index === into ? { ...tab, widgets: [...tab.widgets, ...gone.widgets] } : tab)),
  };
}
