import { createStore, type StoreApi } from 'zustand/vanilla';
import { request } from '../api/client.ts';
import { aggregateInputs, aggregatesOf, aggregateText, type AggregateName } from '../model/aggregates.ts';
import { groupsDocument } from '../model/documents.ts';
import type { ColumnValue, ModelField, ModelObject } from '../model/types.ts';
import { t } from '../language/t.ts';

export interface Foot {
  field: ModelField;
  name: AggregateName;
}

/** What the feet of the columns are asked for. A view may hold what a field has no more. */
export const feetOf = (fields: ModelField[], aggregates: { [field: string]: string }): Foot[] =>
  fields.flatMap((field) => {
    const name = aggregatesOf(field).find((each) => each === aggregates[field.name]);
    return name ? [{ field, name }] : [];
  });

/** The texts of feet, from the values of all of them in one list. */
export function footTexts(feet: Foot[], values: (string | null)[]): { [field: string]: string } {
  let place = 0;
  return Object.fromEntries(
    feet.map(({ field, name }) => {
      const count = aggregateInputs(field, name).length;
      const text = aggregateText(field, name, values.slice(place, place + count));
      place += count;
      return [field.name, text];
    }),
  );
}

interface FeetState {
  /** By field; what is not known yet is missing. */
  texts: { [field: string]: string };
  /** Why there are none. */
  problem: string | null;
}

export interface FeetStore extends StoreApi<FeetState> {
  load: (object: ModelObject, filter: { [key: string]: ColumnValue } | null, feet: Foot[]) => Promise<void>;
}

/** What the columns of a table come to, kept apart from its rows: it changes by itself. */
export function createFeet(): FeetStore {
  const store = createStore<FeetState>(() => ({ texts: {}, problem: null }));
  let run = 0;
  return Object.assign(store, {
    async load(object: ModelObject, filter: { [key: string]: ColumnValue } | null, feet: Foot[]) {
      const mine = ++run;
      if (feet.length === 0) return store.setState({ texts: {}, problem: null });
      const values = feet.flatMap(({ field, name }) => aggregateInputs(field, name));
      try {
        const { list } = await request(groupsDocument(object), { values, ...(filter ? { filter } : {}) });
        if (mine === run) store.setState({ texts: footTexts(feet, list.groups[0]?.values ?? []), problem: null });
      } catch {
        if (mine === run) store.setState({ texts: {}, problem: t('This could not be added up.') });
      }
    },
  });
}
