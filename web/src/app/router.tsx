import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  notFound,
  redirect,
} from '@tanstack/react-router';
import type { EncodedNode } from '../model/filterTree.ts';
import { navigationObjects, objectByPlural } from '../model/lookup.ts';
import { useModelStore } from '../model/store.ts';
import { OBJECT_TABS } from '../settings/objectSearch.ts';
import type { ObjectSearch } from '../settings/objectSearch.ts';
import { jobSearch } from '../settings/jobs/jobs.ts';
import { expectViews, type ViewBucket, type ViewOptions, type ViewType } from '../views/savedViews.ts';
import { openNotifications } from '../notifications/notificationStore.ts';
import { askToCreate, openCommand } from './commandStore.ts';
import { Broken, NotFound } from './Message.tsx';
import { Shell } from './Shell.tsx';

type Search = { [key: string]: unknown };

/** The router keeps what a validation leaves out; an address that somebody wrote by hand must not reach a page unread. */
const only =
  <Read extends object>(read: (search: Search) => Read) =>
  (search: Search): Read => ({
    ...Object.fromEntries(Object.keys(search).map((key) => [key, undefined])),
    ...read(search),
  });

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

const expectId = (id: string): void => {
  // oxlint-disable-next-line typescript/only-throw-error -- the router's own way
  if (!UUID.test(id)) throw notFound();
};

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

/** What a shortcut of the installed application opens at once. */
const SHORTCUTS = ['search', 'create', 'notifications'] as const;

const homeSearch = only((search): { open?: (typeof SHORTCUTS)[number] } => {
  const open = SHORTCUTS.find((each) => each === search['open']);
  return open ? { open } : {};
});

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: homeSearch,
  beforeLoad: ({ search: { open } }) => {
    const { model } = useModelStore.getState();
    const [first] = model ? navigationObjects(model) : [];
    if (open === 'search') openCommand();
    else if (open === 'notifications') openNotifications();
    else if (open === 'create' && first) askToCreate(first.id);
    throw first
      ? redirect({ to: '/objects/$namePlural', params: { namePlural: first.namePlural }, replace: true })
      : redirect({ to: '/settings/model', replace: true });
  },
});

/** What is shown: a view, and where it differs from it. */
export interface TableSearch {
  /** The id of a saved view, or `all` for none where another one is the default. */
  view?: string;
  /** Names of fields, with a minus before those that descend. */
  sort?: string;
  filters?: EncodedNode[];
  /** Names of the columns that show, in their order, each with its width if it has one of its own. */
  columns?: string;
  type?: ViewType;
  /** The field that records are grouped by; empty for none. */
  group?: string;
  bucket?: ViewBucket | '';
  options?: ViewOptions;
  /** Where a map looks: latitude, longitude and zoom. */
  sight?: string;
  /** Rules that mark rows and cells. */
  colors?: string;
  /** The moment as of which the list is shown. */
  asOf?: string;
}

const VIEW_TYPES = ['TABLE', 'BOARD', 'CALENDAR', 'TIMELINE', 'GALLERY', 'MAP'] satisfies ViewType[];
const BUCKETS = ['', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'] satisfies (ViewBucket | '')[];

const moment = (search: Search): { asOf?: string } =>
  typeof search['asOf'] === 'string' && !Number.isNaN(Date.parse(search['asOf'])) ? { asOf: search['asOf'] } : {};

const tableSearch = (search: Search): TableSearch => ({
  ...(typeof search['view'] === 'string' ? { view: search['view'] } : {}),
  ...(typeof search['sort'] === 'string' ? { sort: search['sort'] } : {}),
  ...(Array.isArray(search['filters']) ? { filters: search['filters'] as EncodedNode[] } : {}),
  ...(typeof search['columns'] === 'string' ? { columns: search['columns'] } : {}),
  ...(VIEW_TYPES.some((type) => type === search['type']) ? { type: search['type'] as ViewType } : {}),
  ...(typeof search['group'] === 'string' ? { group: search['group'] } : {}),
  ...(BUCKETS.some((bucket) => bucket === search['bucket']) ? { bucket: search['bucket'] as ViewBucket } : {}),
  ...(typeof search['options'] === 'object' && search['options'] !== null
    ? { options: search['options'] as ViewOptions }
    : {}),
  ...(typeof search['sight'] === 'string' ? { sight: search['sight'] } : {}),
  ...(typeof search['colors'] === 'string' ? { colors: search['colors'] } : {}),
  ...moment(search),
});

const table = createRoute({
  getParentRoute: () => root,
  path: '/objects/$namePlural',
  validateSearch: only(tableSearch),
  // Not waited for: it is on its way while the page is loaded or drawn.
  loader: ({ params }) => {
    const { model } = useModelStore.getState();
    const object = model && objectByPlural(model, params.namePlural);
    if (object) expectViews(object.id);
  },
  component: lazyRouteComponent(() => import('../records/TablePage.tsx'), 'TablePage'),
});

/** A record, and the list that it was opened from: what comes before and after it there. */
export interface RecordSearch extends TableSearch {
  /** The part of the page that is shown, by its id. */
  tab?: string;
}

const record = createRoute({
  getParentRoute: () => root,
  path: '/objects/$namePlural/$id',
  beforeLoad: ({ params }) => expectId(params.id),
  validateSearch: only((search): RecordSearch => ({
    ...tableSearch(search),
    ...(typeof search['tab'] === 'string' ? { tab: search['tab'] } : {}),
  })),
  component: lazyRouteComponent(() => import('../records/RecordPage.tsx'), 'RecordPage'),
});

const importing = createRoute({
  getParentRoute: () => root,
  path: '/objects/$namePlural/import',
  validateSearch: only((search): { id?: string } => (typeof search['id'] === 'string' ? { id: search['id'] } : {})),
  component: lazyRouteComponent(() => import('../imports/ImportPage.tsx'), 'ImportPage'),
});

const imports = createRoute({
  getParentRoute: () => root,
  path: '/settings/imports',
  component: lazyRouteComponent(() => import('../imports/ImportsPage.tsx'), 'ImportsPage'),
});

const file = createRoute({
  getParentRoute: () => root,
  path: '/files/$id',
  beforeLoad: ({ params }) => expectId(params.id),
  component: lazyRouteComponent(() => import('../files/FilePage.tsx'), 'FilePage'),
});

const trash = createRoute({
  getParentRoute: () => root,
  path: '/trash',
  validateSearch: only((search): { object?: string; q?: string; by?: string } => ({
    ...(typeof search['object'] === 'string' ? { object: search['object'] } : {}),
    ...(typeof search['q'] === 'string' ? { q: search['q'] } : {}),
    ...(typeof search['by'] === 'string' ? { by: search['by'] } : {}),
  })),
  component: lazyRouteComponent(() => import('../trash/TrashPage.tsx'), 'TrashPage'),
});

const tasks = createRoute({
  getParentRoute: () => root,
  path: '/tasks',
  validateSearch: only((search): { assignee?: string } =>
    typeof search['assignee'] === 'string' ? { assignee: search['assignee'] } : {},
  ),
  component: lazyRouteComponent(() => import('../tasks/MyTasksPage.tsx'), 'MyTasksPage'),
});

const duplicates = createRoute({
  getParentRoute: () => root,
  path: '/duplicates',
  validateSearch: only((search): { object?: string; dismissed?: boolean } => ({
    ...(typeof search['object'] === 'string' ? { object: search['object'] } : {}),
    ...(search['dismissed'] === true ? { dismissed: true } : {}),
  })),
  component: lazyRouteComponent(() => import('../duplicates/DuplicatesPage.tsx'), 'DuplicatesPage'),
});

const OBJECTS_SHOWN = ['standard', 'custom', 'inactive', 'deleted'] as const;

const dataModel = createRoute({
  getParentRoute: () => root,
  path: '/settings/model',
  validateSearch: only((search): { show?: (typeof OBJECTS_SHOWN)[number] } => {
    const show = OBJECTS_SHOWN.find((each) => each === search['show']);
    return show ? { show } : {};
  }),
  component: lazyRouteComponent(() => import('../settings/DataModelPage.tsx'), 'DataModelPage'),
});

const objectSettings = createRoute({
  getParentRoute: () => root,
  path: '/settings/model/$namePlural',
  validateSearch: only((search): ObjectSearch => {
    const tab = OBJECT_TABS.find((each) => each === search['tab']);
    return { ...(tab ? { tab } : {}), ...(typeof search['field'] === 'string' ? { field: search['field'] } : {}) };
  }),
  component: lazyRouteComponent(() => import('../settings/ObjectPage.tsx'), 'ObjectPage'),
});

const diagram = createRoute({
  getParentRoute: () => root,
  path: '/settings/diagram',
  validateSearch: only((search): { object?: string } =>
    typeof search['object'] === 'string' ? { object: search['object'] } : {},
  ),
  component: lazyRouteComponent(() => import('../settings/diagram/DiagramPage.tsx'), 'DiagramPage'),
});

const history = createRoute({
  getParentRoute: () => root,
  path: '/settings/history',
  component: lazyRouteComponent(() => import('../settings/HistoryPage.tsx'), 'HistoryPage'),
});

const drift = createRoute({
  getParentRoute: () => root,
  path: '/settings/drift',
  component: lazyRouteComponent(() => import('../settings/DriftPage.tsx'), 'DriftPage'),
});

const profile = createRoute({
  getParentRoute: () => root,
  path: '/settings/profile',
  component: lazyRouteComponent(() => import('../settings/people/ProfilePage.tsx'), 'ProfilePage'),
});

const notificationSettings = createRoute({
  getParentRoute: () => root,
  path: '/settings/notifications',
  component: lazyRouteComponent(
    () => import('../notifications/NotificationSettingsPage.tsx'),
    'NotificationSettingsPage',
  ),
});

const members = createRoute({
  getParentRoute: () => root,
  path: '/settings/members',
  component: lazyRouteComponent(() => import('../settings/people/MembersPage.tsx'), 'MembersPage'),
});

const teams = createRoute({
  getParentRoute: () => root,
  path: '/settings/teams',
  validateSearch: only((search): { team?: string } =>
    typeof search['team'] === 'string' ? { team: search['team'] } : {},
  ),
  component: lazyRouteComponent(() => import('../settings/teams/TeamsPage.tsx'), 'TeamsPage'),
});

const general = createRoute({
  getParentRoute: () => root,
  path: '/settings/general',
  component: lazyRouteComponent(() => import('../settings/general/GeneralPage.tsx'), 'GeneralPage'),
});
const address = createRoute({
  getParentRoute: () => root,
  path: '/settings/address',
  component: lazyRouteComponent(() => import('../settings/people/AddressPage.tsx'), 'AddressPage'),
});

const jobs = createRoute({
  getParentRoute: () => root,
  path: '/settings/jobs',
  validateSearch: only(jobSearch),
  component: lazyRouteComponent(() => import('../settings/jobs/JobsPage.tsx'), 'JobsPage'),
});

const security = createRoute({
  getParentRoute: () => root,
  path: '/settings/security',
  component: lazyRouteComponent(() => import('../security/SecurityPage.tsx'), 'SecurityPage'),
});

const keys = createRoute({
  getParentRoute: () => root,
  path: '/settings/keys',
  component: lazyRouteComponent(() => import('../security/KeysPage.tsx'), 'KeysPage'),
});

const webhooks = createRoute({
  getParentRoute: () => root,
  path: '/settings/webhooks',
  validateSearch: only((search): { webhook?: string } =>
    typeof search['webhook'] === 'string' ? { webhook: search['webhook'] } : {},
  ),
  component: lazyRouteComponent(() => import('../webhooks/WebhooksPage.tsx'), 'WebhooksPage'),
});

const scheduledExports = createRoute({
  getParentRoute: () => root,
  path: '/settings/exports',
  validateSearch: (search: { [key: string]: unknown }): { export?: string } =>
    typeof search['export'] === 'string' ? { export: search['export'] } : {},
  component: lazyRouteComponent(() => import('../exports/ExportsPage.tsx'), 'ExportsPage'),
});

const databaseAccess = createRoute({
  getParentRoute: () => root,
  path: '/settings/database-access',
  component: lazyRouteComponent(() => import('../security/DatabaseAccessPage.tsx'), 'DatabaseAccessPage'),
});

const apps = createRoute({
  getParentRoute: () => root,
  path: '/settings/apps',
  component: lazyRouteComponent(() => import('../security/AppsPage.tsx'), 'AppsPage'),
});

const signInSettings = createRoute({
  getParentRoute: () => root,
  path: '/settings/sign-in',
  validateSearch: only((search): { provider?: string } =>
    typeof search['provider'] === 'string' ? { provider: search['provider'] } : {},
  ),
  component: lazyRouteComponent(() => import('../security/providers/SignInSettingsPage.tsx'), 'SignInSettingsPage'),
});

const signIns = createRoute({
  getParentRoute: () => root,
  path: '/settings/sign-ins',
  component: lazyRouteComponent(() => import('../security/SignInsPage.tsx'), 'SignInsPage'),
});

const provisioning = createRoute({
  getParentRoute: () => root,
  path: '/settings/provisioning',
  component: lazyRouteComponent(() => import('../security/ProvisioningPage.tsx'), 'ProvisioningPage'),
});

const roles = createRoute({
  getParentRoute: () => root,
  path: '/settings/roles',
  component: lazyRouteComponent(() => import('../settings/roles/RolesPage.tsx'), 'RolesPage'),
});

const role = createRoute({
  getParentRoute: () => root,
  path: '/settings/roles/$roleId',
  component: lazyRouteComponent(() => import('../settings/roles/RolePage.tsx'), 'RolePage'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    table,
    record,
    importing,
    imports,
    file,
    trash,
    tasks,
    duplicates,
    dataModel,
    objectSettings,
    diagram,
    history,
    drift,
    members,
    teams,
    general,
    address,
    jobs,
    profile,
    notificationSettings,
    security,
    keys,
    webhooks,
    scheduledExports,
    databaseAccess,
    apps,
    signInSettings,
    signIns,
    provisioning,
    roles,
    role,
  ]),
  defaultPreload: 'intent',
  defaultPreloadDelay: 60,
  defaultErrorComponent: Broken,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
