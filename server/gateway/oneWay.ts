/**
 * Records are reached by their id alone. PostGraphile would add an accessor, an update and a delete for
 * every unique constraint; `filter: { email: { equalTo } }` finds the same record, and each shape is
 * smaller by all those types.
 */
export const OneWayPlugin: GraphileConfig.Plugin = {
  name: 'RelvarOneWayPlugin',
  version: '1.0.0',
  description: 'Offers no accessors and mutations for unique constraints other than the primary key',
  schema: {
    entityBehavior: {
      pgResourceUnique: {
        override: {
          provides: ['relvarOneWay'],
          callback(behavior, [_resource, unique]) {
            if (unique.isPrimary) return behavior;
            return [behavior, '-single', '-constraint:resource:update', '-constraint:resource:delete'];
          },
        },
      },
    },
  },
};
