/** The data model as `metadata.model()` describes it. Everything on screen about a workspace's objects derives from this. */

export type FieldType =
  | 'TEXT'
  | 'NUMBER'
  | 'NUMERIC'
  | 'BOOLEAN'
  | 'DATE'
  | 'DATE_TIME'
  | 'UUID'
  | 'SELECT'
  | 'MULTI_SELECT'
  | 'RATING'
  | 'ARRAY'
  | 'RAW_JSON'
  | 'RICH_TEXT'
  | 'POSITION'
  | 'FULL_NAME'
  | 'EMAILS'
  | 'PHONES'
  | 'LINKS'
  | 'CURRENCY'
  | 'ADDRESS'
  | 'ACTOR'
  | 'FILES'
  | 'RELATION'
  | 'MORPH_RELATION'
  | 'TS_VECTOR'
  | 'FORMULA'
  | 'ROLLUP'
  | 'AUTO_NUMBER'
  | 'PERCENT'
  | 'DURATION'
  | 'MEMBER'
  | 'MANY_TO_MANY'
  | 'COLOR'
  | 'LOCATION';

/** What a formula or a rollup gives: shown, filtered and sorted as a field of the type of the same name. */
export type ResultType =
  'TEXT' | 'NUMBER' | 'BOOLEAN' | 'DATE' | 'DATE_TIME' | 'CURRENCY' | 'DURATION' | 'PERCENT' | 'ARRAY';

export interface FieldOption {
  value: string;
  label: string;
  /** What the database has, where the screen says it in its language. */
  stored?: string;
  color: string;
  position: number;
}

export interface FieldColumn {
  /** Empty for a field of one column, otherwise the part that the column holds, as in `firstName`. */
  part: string;
  /** The database's name. */
  column: string;
  /** The API's name. */
  name: string;
}

export interface FieldRelation {
  id: string;
  targetObjectId: string;
  name: string;
  column: string;
  columnName: string;
  inverseName: string;
  inverseLabel: string;
  onDelete: 'SET_NULL' | 'CASCADE' | 'RESTRICT';
  /** The timeline of the target tells what happens to these records. */
  isOnTimeline: boolean;
}

export type Aggregate = 'COUNT' | 'SUM' | 'AVG' | 'MIN' | 'MAX' | 'FIRST' | 'LAST' | 'LIST';

/** What the types keep besides options. Which of these a field has follows from its type. */
export interface FieldSettings {
  /** NUMBER: int, bigint or, when absent, a number with decimals. */
  dataType?: string;
  /** NUMBER, NUMERIC, PERCENT, CURRENCY: how many decimals are shown. */
  decimals?: number;
  type?: string;
  /** DATE, DATE_TIME: RELATIVE ("3 days ago") or CUSTOM, by a pattern such as "dd.MM.yyyy HH:mm". */
  displayFormat?: string;
  customUnicodeDateFormat?: string;
  /** CURRENCY, DURATION: short or full. */
  format?: string;
  /** EMAILS, PHONES, LINKS, ARRAY, FILES: how many at most. */
  maxNumberOfValues?: number;
  /** TEXT: how many lines of it are shown. */
  displayedMaxRows?: number;
  /** ADDRESS: the parts that are shown. */
  subFields?: string[];
  /** FORMULA: its text, in API names. */
  expression?: string;
  /** ROLLUP: the foreign key whose records are counted or added up. */
  relationId?: string;
  aggregate?: Aggregate;
  fieldId?: string;
  filter?: string;
  orderFieldId?: string;
  /** AUTO_NUMBER: A-0001 is made of a prefix, a number and its padding. */
  prefix?: string;
  padding?: number;
  start?: number;
  [name: string]: unknown;
}

/** Many-to-many, seen from one side: where the links are, and which relations of a link lead here and to the other side. */
export interface FieldJunction {
  objectId: string;
  /** The link's relation to this object. */
  fieldId: string;
  /** The link's relation to the other object. */
  otherFieldId: string;
  targetObjectId: string;
  /** The field of the other object that shows the same links. */
  inverseFieldId: string | null;
  /** API name of the list of links on a record of this object. */
  linkConnection: string;
  /** API name, on a link, of the record at the other end. */
  otherName: string;
  relationId: string;
  otherRelationId: string;
  /** The timeline of this object's records tells what happens to the others, and the other way round. */
  isOnTimeline: boolean;
  isOnOtherTimeline: boolean;
}

/** A former API name, which goes on working until it is released. */
export interface ModelAlias {
  id: string;
  kind: 'SINGULAR' | 'PLURAL' | 'FIELD';
  name: string;
}

export interface ModelField {
  id: string;
  name: string;
  label: string;
  description: string | null;
  icon: string | null;
  type: FieldType;
  settings: FieldSettings | null;
  options: FieldOption[] | null;
  defaultValue: unknown;
  isRequired: boolean;
  isUnique: boolean;
  isActive: boolean;
  isSystem: boolean;
  isCustom: boolean;
  /** The database computes it: nobody writes it. */
  isComputed: boolean;
  resultType: ResultType | null;
  /** Set when only records created since then must have a value. */
  requiredFrom: string | null;
  position: number;
  columns: FieldColumn[];
  relations: FieldRelation[];
  junction: FieldJunction | null;
  /** The role may not write it. */
  isWithheld?: boolean;
  aliases: ModelAlias[];
}

export type RuleKind = 'REQUIRED' | 'RANGE' | 'LENGTH' | 'PATTERN' | 'CONDITION' | 'UNIQUE';

export interface ModelRule {
  id: string;
  /** Null when the rule is about the whole record. */
  fieldId: string | null;
  kind: RuleKind;
  settings: { [name: string]: unknown };
  /** When the rule holds, as a formula; null means always. */
  condition: string | null;
  message: string;
  /** The rule in plain words, by the database. */
  text: string;
  /** Set when only records created since then must fulfil it. */
  appliesFrom: string | null;
  isActive: boolean;
}

export type IndexKind = 'BTREE' | 'GIN' | 'TRIGRAM';

export interface IndexPart {
  fieldId: string;
  part?: string;
  descending?: boolean;
}

export interface ModelIndex {
  id: string;
  name: string;
  kind: IndexKind;
  parts: IndexPart[];
  condition: string | null;
}

export interface ObjectRights {
  canRead: boolean;
  canCreate: boolean;
  canUpdate: boolean;
  canDelete: boolean;
  canDestroy: boolean;
}

/** The ids of fields that match together, each with how it is compared where that is said. */
export type StoredCriterion =
  | string[]
  | {
      fields: (string | { id: string; by?: 'ALIKE' | 'EXACT' | 'SIMILAR' | 'DOMAIN' })[];
      threshold?: number;
      isSure?: boolean;
    };

export interface ModelObject {
  /** What the role may do with its records; absent in the whole model, which the settings show. */
  rights?: ObjectRights;
  id: string;
  nameSingular: string;
  namePlural: string;
  labelSingular: string;
  labelPlural: string;
  description: string | null;
  icon: string | null;
  color: string | null;
  isActive: boolean;
  isSystem: boolean;
  isSearchable: boolean;
  isAudited: boolean;
  /** A record is its creator's until it is shared. */
  isPrivate: boolean;
  isCustom: boolean;
  /** Holds the links of a many-to-many relation: people see through it, not it. */
  isJunction: boolean;
  labelFieldId: string | null;
  imageFieldId: string | null;
  /** What tells that two records are the same. */
  duplicateCriteria: StoredCriterion[];
  tableName: string;
  position: number;
  fields: ModelField[];
  rules: ModelRule[];
  indexes: ModelIndex[];
  aliases: ModelAlias[];
}

export interface Model {
  version: number;
  workspace: { id: string; slug: string; name: string };
  objects: ModelObject[];
}

/** A scalar as GraphQL carries it. */
export type Scalar = string | number | boolean | null;

/** What one column of a record may hold: scalars, lists of text, JSON, or the related record. */
export type ColumnValue = Scalar | ColumnValue[] | { [key: string]: ColumnValue };

export type RecordRow = { id: string } & { [name: string]: ColumnValue };
