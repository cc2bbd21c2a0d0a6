import type { Webhook } from './webhooks.ts';

/** What a webhook asks for, as people choose it: a line for each object. */
export interface Subscription {
  /** An object's API name, * for all of them, or the first part of the name of an event of one's own. */
  object: string;
  /** None stands for all. */
  actions: string[];
  filter: string;
  /** None stands for all. */
  fields: string[];
}

export const ACTIONS = [
  'created',
  'updated',
  'deleted',
  'restored',
  'destroyed',
  'merged',
  'absorbed',
  'linked',
  'unlinked',
  'shared',
  'unshared',
];

type Chosen = Pick<Webhook, 'events' | 'filters' | 'fields'>;

export function subscriptionsOf({ events, filters, fields }: Chosen): Subscription[] {
  const byObject = Map.groupBy(
    events.map((event) => event.split('.') as [string, string]),
    ([object]) => object,
  );
  return [...byObject].map(([object, patterns]) => ({
    object,
    actions: patterns.some(([, action]) => action === '*') ? [] : patterns.map(([, action]) => action),
    filter: filters[object] ?? '',
    fields: fields[object] ?? [],
  }));
}

export function chosenOf(subscriptions: Subscription[]): Chosen {
  const kept = subscriptions.filter(({ object }) => object !== '');
  return {
    events: kept.flatMap(({ object, actions }) =>
      actions.length === 0 ? [`${object}.*`] : actions.map((action) => `${object}.${action}`),
    ),
    filters: Object.fromEntries(
      kept.filter(({ filter }) => filter.trim() !== '').map(({ object, filter }) => [object, filter.trim()]),
    ),
    fields: Object.fromEntries(
      kept.filter(({ fields }) => fields.length > 0).map(({ object, fields }) => [object, fields]),
    ),
  };
}
