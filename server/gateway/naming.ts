import type { PgCodec } from 'postgraphile/@dataplan/pg';

/**
 * The API's names. An object's singular and plural come from metadata as smart tags, since nobody can
 * derive "staffMembers" from "staff"; relations carry @fieldName and @foreignFieldName, which
 * PostGraphile honours by itself. Tables without the tags (those of `metadata`) use their own names.
 */
export const NamingPlugin: GraphileConfig.Plugin = {
  name: 'RelvarNamingPlugin',
  version: '1.0.0',
  description: 'Names types and fields as the data model does: Person, people, person(id:), createPerson',
  inflection: {
    replace: {
      // Types of PostgreSQL that the model does not use leave their names to objects.
      builtin: (previous, _options, text) => (ORDINARY_WORDS.test(text) ? `Pg${text}` : previous!(text)),
      // The record's uuid is `id`; the global object identifier is `nodeId`.
      nodeIdFieldName: () => 'nodeId',
      _attributeName(_previous, _options, { attributeName, codec }) {
        const tag = codec.attributes[attributeName]?.extensions?.tags?.name;
        return this.coerceToGraphQLName(typeof tag === 'string' ? tag : attributeName);
      },
      _singularizedCodecName(previous, _options, codec) {
        return tagOf(codec, 'singular') ?? previous!(codec);
      },
      _singularizedResourceName(previous, _options, resource) {
        return tagOf(resource.codec, 'singular') ?? previous!(resource);
      },
      _allRows(_previous, _options, resource) {
        return (
          tagOf(resource.codec, 'plural') ?? this.camelCase(this.pluralize(this._singularizedResourceName(resource)))
        );
      },
      rowByUnique(previous, _options, details) {
        if (!details.unique.isPrimary) return previous!(details);
        return this.camelCase(this._singularizedResourceName(details.resource));
      },
      updateByKeysField(previous, _options, details) {
        if (!details.unique.isPrimary) return previous!(details);
        return this.camelCase(`update-${this._singularizedResourceName(details.resource)}`);
      },
      deleteByKeysField(previous, _options, details) {
        if (!details.unique.isPrimary) return previous!(details);
        return this.camelCase(`delete-${this._singularizedResourceName(details.resource)}`);
      },
      patchField: () => 'patch',
      // Relations without tags, as in `metadata`: fields.object_id gives `object` and `object.fields`.
      _singleRelationRaw(previous, _options, details) {
        const relation = details.registry.pgRelations[details.codec.name]![details.relationName]!;
        const column = keyColumn(relation.localAttributes);
        if (!column || typeof relation.extensions?.tags?.fieldName === 'string') return previous!(details);
        return column;
      },
      _manyRelationRaw(previous, _options, details) {
        const relation = details.registry.pgRelations[details.codec.name]![details.relationName]!;
        const column = keyColumn(relation.remoteAttributes);
        if (!column || typeof relation.extensions?.tags?.foreignFieldName === 'string') return previous!(details);
        const plural = this.pluralize(this.tableType(relation.remoteResource.codec));
        return this.camelCase(this.tableType(details.codec)) === this.camelCase(column)
          ? plural
          : `${plural}-by-${column}`;
      },
    },
  },
};

const ORDINARY_WORDS =
  /^(Point|Line|LineSegment|Box|Circle|Path|Polygon|Interval|Time|BitString|CidrAddress|InternetAddress|MacAddress|KeyValueHash)$/;

function tagOf(codec: PgCodec, tag: 'singular' | 'plural'): string | undefined {
  const value = codec.extensions?.tags?.[tag];
  return typeof value === 'string' ? value : undefined;
}

/** The column that names a relation, without `_id`; keys of `metadata` hold the workspace as well. */
function keyColumn(columns: readonly string[]): string | undefined {
  const [column, ...others] = columns.filter((name) => name !== 'workspace_id');
  if (!column?.endsWith('_id') || others.length > 0) return undefined;
  return column.slice(0, -'_id'.length);
}
