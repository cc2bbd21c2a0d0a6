import './grafastMode.ts';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { PostGraphileConnectionFilterPreset } from 'postgraphile-plugin-connection-filter';
import { AsOfPlugin } from './asOf.ts';
import { EmptiesLastPlugin } from './emptiesLast.ts';
import { GroupsPlugin } from './groups.ts';
import { JsonTextPlugin } from './jsonText.ts';
import { LabelOrderPlugin } from './labelOrder.ts';
import { ManyToManyPlugin } from './manyToMany.ts';
import { MissingRecordPlugin } from './missingRecord.ts';
import { NamingPlugin } from './naming.ts';
import { NarrowFiltersPlugin } from './narrowFilters.ts';
import { OneWayPlugin } from './oneWay.ts';
import { Xid8Plugin } from './xid8.ts';

/** What people filter by. The plugin offers some forty operators more, each in memory for each type. */
export const FILTER_OPERATORS = [
  'isNull',
  'equalTo',
  'notEqualTo',
  'in',
  'notIn',
  'lessThan',
  'lessThanOrEqualTo',
  'greaterThan',
  'greaterThanOrEqualTo',
  'includesInsensitive',
  'notIncludesInsensitive',
  'startsWithInsensitive',
  'endsWithInsensitive',
  'contains',
  'overlaps',
];

export const gatewayPreset: GraphileConfig.Preset = {
  extends: [PostGraphileAmberPreset, PostGraphileConnectionFilterPreset],
  plugins: [
    AsOfPlugin,
    NamingPlugin,
    OneWayPlugin,
    EmptiesLastPlugin,
    GroupsPlugin,
    JsonTextPlugin,
    LabelOrderPlugin,
    ManyToManyPlugin,
    MissingRecordPlugin,
    NarrowFiltersPlugin,
    Xid8Plugin,
  ],
  disablePlugins: [
    // People filter and sort by any column; an index is offered where a big table needs one.
    'PgIndexBehaviorsPlugin',
    // One schema serves roles with different grants: what is not granted is an error of that field.
    'PgRBACPlugin',
    // `filter` does all that `condition` does.
    'PgConditionArgumentPlugin',
    'PgConditionCustomFieldsPlugin',
    // One way to a record: by its id. `node(nodeId:)` stays for caches that key on it.
    'NodeAccessorPlugin',
    // For Relay 1 only.
    'QueryQueryPlugin',
    'PgMutationPayloadEdgePlugin',
    // The model has none of these, and each costs time at every build.
    'PgJWTPlugin',
    'PgLtreePlugin',
    'PgEnumTablesPlugin',
    'PgEnumDomainsPlugin',
    'PgFakeConstraintsPlugin',
    'PgConnectionArgFilterComputedAttributesPlugin',
    'PgConnectionArgFilterCompositeTypeAttributesPlugin',
    'PgConnectionArgFilterRecordFunctionsPlugin',
  ],
  gather: { pgIdentifiers: 'unqualified' },
  schema: {
    connectionFilterAllowedOperators: FILTER_OPERATORS,
    connectionFilterRelations: true,
    connectionFilterAllowEmptyObjectInput: true,
    defaultBehavior: '-nodeId:resource:update -nodeId:resource:delete -nodeId:base',
    // Two names that collide cost a workspace one field, which is logged, not its API. Tests are strict.
    dontSwallowErrors: process.env.NODE_ENV === 'test',
  },
  grafast: { explain: false, timeouts: { planning: 5_000, execution: 30_000 } },
};
