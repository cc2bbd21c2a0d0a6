import { gql, type TypedDocumentNode } from 'urql';
import { labelField } from './lookup.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from './types.ts';

/**
 * A workspace's objects are not known when this program is built, so their operations are written from the model at run time.
 * The same object and the same columns always give the same document, which keeps both caches, urql's and the server's, warm.
 */

export interface Page {
  nodes: RecordRow[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

export interface ListVariables {
  [name: string]: unknown;
  first: number;
  after?: string | null;
  offset?: number;
  /** Left out rather than null when there is none: the server refuses a null filter. */
  filter?: { [key: string]: ColumnValue };
  orderBy?: string[];
}

const upperFirst = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

const typeName = (object: ModelObject): string => upperFirst(object.nameSingular);

function relationSelection(model: Model, field: ModelField): string[] {
  return field.relations.flatMap((relation) => {
    const target = model.objects.find((object) => object.id === relation.targetObjectId);
    if (!target?.isActive) return [relation.columnName];
    const label = labelField(target)?.columns.map((column) => column.name) ?? [];
    return [relation.columnName, `${relation.name} { ${['id', ...label].join(' ')} }`];
  });
}

/** Chips show what fits a cell; the record page reads all links by itself. */
const LINKS_SHOWN = 12;

function linkSelection(model: Model, field: ModelField): string[] {
  const { junction } = field;
  const target = model.objects.find((object) => object.id === junction?.targetObjectId);
  if (!junction || !target?.isActive) return [];
  const label = labelField(target)?.columns.map((column) => column.name) ?? [];
  const names = ['id', ...label].join(' ');
  return [`${junction.linkConnection}(first: ${LINKS_SHOWN}) { nodes { id ${junction.otherName} { ${names} } } }`];
}

export function selection(model: Model, object: ModelObject, fields: ModelField[]): string {
  const label = labelField(object);
  const wanted = label && !fields.includes(label) ? [label, ...fields] : fields;
  const names = wanted.flatMap((field) =>
    field.junction
      ? linkSelection(model, field)
      : field.relations.length > 0
        ? relationSelection(model, field)
        : field.columns.map((column) => column.name),
  );
  return ['id', ...new Set(names.filter((name) => name !== 'id').sort())].join(' ');
}

const documents = new Map<string, TypedDocumentNode<never, never>>();

function cached<Data, Variables>(text: string): TypedDocumentNode<Data, Variables & { [name: string]: unknown }> {
  let document = documents.get(text);
  if (!document) documents.set(text, (document = gql(text)));
  return document as TypedDocumentNode<Data, Variables & { [name: string]: unknown }>;
}

export function listDocument(model: Model, object: ModelObject, fields: ModelField[]) {
  const type = typeName(object);
  return cached<{ list: Page }, ListVariables>(
    `query List${upperFirst(object.namePlural)}($first: Int!, $after: Cursor, $filter: ${type}Filter, $orderBy: [${type}OrderBy!]) {
  list: ${object.namePlural}(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
    nodes { ${selection(model, object, fields)} }
    pageInfo { hasNextPage endCursor }
  }
}`,
  );
}

/** The list of a join object with the records at its far end, as a person's tasks through their targets. */
export function throughDocument(
  model: Model,
  holder: ModelObject,
  relationName: string,
  target: ModelObject,
  fields: ModelField[],
) {
  const type = typeName(holder);
  return cached<{ list: Page }, ListVariables>(
    `query List${upperFirst(holder.namePlural)}To${upperFirst(target.namePlural)}($first: Int!, $filter: ${type}Filter, $orderBy: [${type}OrderBy!]) {
  list: ${holder.namePlural}(first: $first, filter: $filter, orderBy: $orderBy) {
    nodes { id ${relationName} { ${selection(model, target, fields)} } }
    pageInfo { hasNextPage endCursor }
  }
}`,
  );
}

export function countDocument(object: ModelObject) {
  return cached<{ list: { totalCount: number } }, { filter?: { [key: string]: ColumnValue } }>(
    `query Count${upperFirst(object.namePlural)}($filter: ${typeName(object)}Filter) {
  list: ${object.namePlural}(filter: $filter) { totalCount }
}`,
  );
}

export interface GroupSums {
  groups: { key: string | null; values: (string | null)[] }[];
}

/** Several parts of one list at once, each by its own filter, with what it comes to: the columns of a board. */
export function partsDocument(model: Model, object: ModelObject, fields: ModelField[], open: boolean[]) {
  const type = typeName(object);
  const parts = open.map((isOpen, index) =>
    isOpen
      ? `  p${index}: ${object.namePlural}(first: $n${index}, filter: $f${index}, orderBy: $orderBy) {
    nodes { ${selection(model, object, fields)} }
    pageInfo { hasNextPage endCursor }
    groups(values: $values) { key values }
  }`
      : `  p${index}: ${object.namePlural}(filter: $f${index}) { groups(values: $values) { key values } }`,
  );
  const variables = open.map((isOpen, index) => `${isOpen ? `, $n${index}: Int!` : ''}, $f${index}: ${type}Filter`);
  return cached<{ [part: string]: GroupSums & Partial<Page> }, { [name: string]: unknown }>(
    `query Parts${upperFirst(object.namePlural)}($values: [AggregateInput!]!${open.some(Boolean) ? `, $orderBy: [${type}OrderBy!]` : ''}${variables.join('')}) {
${parts.join('\n')}
}`,
  );
}

/** How many records have each value of a column. */
export function valuesDocument(object: ModelObject) {
  return cached<{ list: GroupSums }, { column: string; filter?: { [key: string]: ColumnValue } }>(
    `query Values${upperFirst(object.namePlural)}($column: String!, $filter: ${typeName(object)}Filter) {
  list: ${object.namePlural}(filter: $filter) { groups(values: [{ function: COUNT }], by: { column: $column }) { key values } }
}`,
  );
}

/** One value that is made of many records, as the API takes it. */
export interface AggregateInput {
  [key: string]: unknown;
  function: string;
  columns?: string[];
}

export interface GroupingInput {
  [key: string]: unknown;
  column: string;
  bucket?: string;
  timeZone?: string;
}

export interface RecordGroup {
  key: string | null;
  values: (string | null)[];
}

/** What a list comes to, whole or by the values of a column. */
export function groupsDocument(object: ModelObject) {
  return cached<
    { list: { groups: RecordGroup[] } },
    { filter?: { [key: string]: ColumnValue }; values: AggregateInput[]; by?: GroupingInput }
  >(
    `query Groups${upperFirst(object.namePlural)}($filter: ${typeName(object)}Filter, $values: [AggregateInput!]!, $by: GroupingInput) {
  list: ${object.namePlural}(filter: $filter) { groups(values: $values, by: $by) { key values } }
}`,
  );
}

export function oneDocument(model: Model, object: ModelObject, fields: ModelField[]) {
  return cached<{ record: RecordRow | null }, { id: string }>(
    `query One${typeName(object)}($id: UUID!) {
  record: ${object.nameSingular}(id: $id) { ${selection(model, object, fields)} }
}`,
  );
}

/** A record, and a list, as they were at a moment. */
export function pastDocument(model: Model, object: ModelObject, fields: ModelField[]) {
  return cached<{ record: RecordRow | null }, { id: string; asOf: string }>(
    `query Past${typeName(object)}($id: UUID!, $asOf: Datetime!) {
  record: ${object.nameSingular}(id: $id, asOf: $asOf) { ${selection(model, object, fields)} }
}`,
  );
}

export function pastListDocument(model: Model, object: ModelObject, fields: ModelField[]) {
  const type = typeName(object);
  return cached<{ list: Page }, ListVariables & { asOf: string }>(
    `query Past${upperFirst(object.namePlural)}($first: Int!, $after: Cursor, $filter: ${type}Filter, $orderBy: [${type}OrderBy!], $asOf: Datetime!) {
  list: ${object.namePlural}(first: $first, after: $after, filter: $filter, orderBy: $orderBy, asOf: $asOf) {
    nodes { ${selection(model, object, fields)} }
    pageInfo { hasNextPage endCursor }
  }
}`,
  );
}

export function createDocument(model: Model, object: ModelObject, fields: ModelField[]) {
  const type = typeName(object);
  return cached<{ change: { record: RecordRow } }, { record: { [name: string]: ColumnValue } }>(
    `mutation Create${type}($record: ${type}Input!) {
  change: create${type}(input: { ${object.nameSingular}: $record }) { record: ${object.nameSingular} { ${selection(model, object, fields)} } }
}`,
  );
}

export function updateDocument(model: Model, object: ModelObject, fields: ModelField[]) {
  const type = typeName(object);
  return cached<{ change: { record: RecordRow } }, { id: string; patch: { [name: string]: ColumnValue } }>(
    `mutation Update${type}($id: UUID!, $patch: ${type}Patch!) {
  change: update${type}(input: { id: $id, patch: $patch }) { record: ${object.nameSingular} { ${selection(model, object, fields)} } }
}`,
  );
}

interface Beside {
  nodes: { id: string }[];
}

/** Where a record stands in an order, and what is before and after that place in a list of the same order. */
export function cursorDocument(object: ModelObject) {
  const type = typeName(object);
  return cached<{ list: { edges: { cursor: string }[] } }, { id: string; orderBy: string[] }>(
    `query Cursor${type}($id: UUID!, $orderBy: [${type}OrderBy!]) {
  list: ${object.namePlural}(first: 1, filter: { id: { equalTo: $id } }, orderBy: $orderBy) { edges { cursor } }
}`,
  );
}

export function besideDocument(object: ModelObject) {
  const type = typeName(object);
  return cached<
    { before: Beside; after: Beside },
    { cursor: string; filter?: { [key: string]: ColumnValue }; orderBy: string[] }
  >(
    `query Beside${type}($cursor: Cursor!, $filter: ${type}Filter, $orderBy: [${type}OrderBy!]) {
  before: ${object.namePlural}(last: 1, before: $cursor, filter: $filter, orderBy: $orderBy) { nodes { id } }
  after: ${object.namePlural}(first: 1, after: $cursor, filter: $filter, orderBy: $orderBy) { nodes { id } }
}`,
  );
}

/** A page somewhere in a list, however far: looking that far costs a little with each record before it. */
export function placeDocument(model: Model, object: ModelObject, fields: ModelField[]) {
  const type = typeName(object);
  return cached<{ list: Page }, ListVariables>(
    `query Place${upperFirst(object.namePlural)}($first: Int!, $offset: Int!, $filter: ${type}Filter, $orderBy: [${type}OrderBy!]) {
  list: ${object.namePlural}(first: $first, offset: $offset, filter: $filter, orderBy: $orderBy) {
    nodes { ${selection(model, object, fields)} }
    pageInfo { hasNextPage endCursor }
  }
}`,
  );
}

/** What cannot be changed is left, and told. */
export const updateSomeDocument = gql<
  { change: { result: { updated: number; left: string[] } | string } },
  { object: string; ids: string[]; patches: { [name: string]: ColumnValue }[] | { [name: string]: ColumnValue } }
>(`mutation UpdateSomeRecords($object: String!, $ids: [UUID!]!, $patches: JSON!) {
  change: updateRecords(input: { objectName: $object, recordIds: $ids, patches: $patches, onProblem: "SKIP" }) { result }
}`);

/** Links records to one other by a relation to many, or takes these links away; gives how many came or went. */
export const linkManyDocument = gql<
  { change: { result: number } },
  { object: string; ids: string[]; field: string; other: string; are: boolean }
>(`mutation LinkRecords($object: String!, $ids: [UUID!]!, $field: String!, $other: UUID!, $are: Boolean!) {
  change: linkRecords(input: { objectName: $object, recordIds: $ids, fieldName: $field, otherId: $other, areLinked: $are }) { result }
}`);

export const deleteManyDocument = gql<
  { change: { result: number } },
  { object: string; ids: string[] }
>(`mutation DeleteRecords($object: String!, $ids: [UUID!]!) {
  change: deleteRecords(input: { objectName: $object, recordIds: $ids }) { result }
}`);

/** Gives each of several records of an object values of its own. */
export const updateManyDocument = gql<
  { change: { result: unknown } },
  { object: string; ids: string[]; patches: { [name: string]: ColumnValue }[] }
>(`mutation UpdateRecords($object: String!, $ids: [UUID!]!, $patches: JSON!) {
  change: updateRecords(input: { objectName: $object, recordIds: $ids, patches: $patches }) { result }
}`);
