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
  | 'TS_VECTOR';

export interface FieldOption {
  value: string;
  label: string;
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
}

export interface ModelField {
  id: string;
  name: string;
  label: string;
  description: string | null;
  icon: string | null;
  type: FieldType;
  settings: { dataType?: string; decimals?: number; type?: string } | null;
  options: FieldOption[] | null;
  defaultValue: unknown;
  isRequired: boolean;
  isUnique: boolean;
  isActive: boolean;
  isSystem: boolean;
  position: number;
  columns: FieldColumn[];
  relations: FieldRelation[];
}

export interface ModelObject {
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
  isCustom: boolean;
  labelFieldId: string | null;
  tableName: string;
  position: number;
  fields: ModelField[];
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
