import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { navigationObjects } from '../model/lookup.ts';
import { useModelStore } from '../model/store.ts';
import { NotFound } from './Message.tsx';
import { Shell } from './Shell.tsx';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    const { model } = useModelStore.getState();
    const [first] = model ? navigationObjects(model) : [];
    throw first
      ? redirect({ to: '/objects/$namePlural', params: { namePlural: first.namePlural }, replace: true })
      : redirect({ to: '/settings/model', replace: true });
  },
});

export interface TableSearch {
  /** A field's name, with a minus before it for descending. */
  sort?: string;
  filters?: string[];
}

const table = createRoute({
  getParentRoute: () => root,
  path: '/objects/$namePlural',
  validateSearch: (search: { [key: string]: unknown }): TableSearch => ({
    ...(typeof search['sort'] === 'string' ? { sort: search['sort'] } : {}),
    ...(Array.isArray(search['filters'])
      ? { filters: search['filters'].filter((text) => typeof text === 'string') }
      : {}),
  }),
  component: lazyRouteComponent(() => import('../records/TablePage.tsx'), 'TablePage'),
});

const record = createRoute({
  getParentRoute: () => root,
  path: '/objects/$namePlural/$id',
  component: lazyRouteComponent(() => import('../records/RecordPage.tsx'), 'RecordPage'),
});

const dataModel = createRoute({
  getParentRoute: () => root,
  path: '/settings/model',
  component: lazyRouteComponent(() => import('../settings/DataModelPage.tsx'), 'DataModelPage'),
});

const objectSettings = createRoute({
  getParentRoute: () => root,
  path: '/settings/model/$namePlural',
  component: lazyRouteComponent(() => import('../settings/ObjectPage.tsx'), 'ObjectPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([home, table, record, dataModel, objectSettings]),
  defaultPreload: 'intent',
  defaultPreloadDelay: 60,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
