import { storeFilter } from '../model/filterTree.ts';
import { fieldById, visibleFields } from '../model/lookup.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { shownFields } from '../records/columnLayout.ts';
import { storeColors } from '../records/tones.ts';
import type { SavedView, ViewState } from './savedViews.ts';
import type { Shown } from './shown.ts';

/** What is shown, to be kept in a view. What `view` has that this viewer does not see stays in it. */
export function stateOf(model: Model, object: ModelObject, shown: Shown, view: SavedView | null): ViewState {
  const isSeen = (id: string) => visibleFields(object).some((field) => field.id === id);
  const group = object.fields.find(({ name }) => name === shown.group);
  const isUnseen = view?.groupFieldId && !fieldById(object, view.groupFieldId);
  return {
    type: shown.type,
    groupFieldId: group?.id ?? (isUnseen ? view.groupFieldId : null),
    groupBucket: shown.bucket,
    layout: shown.options,
    colors: storeColors(model, object, shown.colors),
    filter: storeFilter(model, object, shown.filters),
    sorts: [
      ...shown.sorts.flatMap(({ field: name, descending }) => {
        const field = object.fields.find((each) => each.name === name);
        return field ? [{ fieldId: field.id, ...(descending ? { descending } : {}) }] : [];
      }),
      ...(view?.sorts.filter(({ fieldId }) => !fieldById(object, fieldId)) ?? []),
    ],
    fields: [
      ...shownFields(object, shown.layout).map(({ id, name }) => ({
        fieldId: id,
        width: shown.layout.widths[name] ?? null,
        isVisible: true,
        isPinned: shown.layout.pinned.includes(name),
        aggregate: shown.layout.aggregates[name] ?? null,
      })),
      ...(view?.columns.filter(({ fieldId }) => !isSeen(fieldId)) ?? []),
    ],
  };
}
