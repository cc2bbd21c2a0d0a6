import type { Cell, Kind, ObjectPlan } from './objects.ts';

/** Everything that the matrix is about, as plain data: what is written to the database, and what the model judges. */
export interface World {
  readonly seed: number;
  readonly objects: readonly ObjectPlan[];
  readonly members: readonly Member[];
  readonly teams: readonly Team[];
  readonly roles: readonly Role[];
  /** Who asks: each member, and a key without a member. */
  readonly callers: readonly Caller[];
  /** Records that are there, and those that lie in the trash. */
  readonly records: readonly DataRecord[];
  readonly trash: readonly DataRecord[];
  readonly byId: ReadonlyMap<string, DataRecord>;
  readonly links: readonly Link[];
  readonly shares: readonly Share[];
}

export interface Member {
  /** Given by the database when it joins. */
  id: string;
  readonly name: string;
}

export interface Team {
  /** Given by the database. */
  id: string;
  readonly name: string;
  readonly parent: Team | undefined;
  readonly members: { readonly id: string; readonly isLead: boolean }[];
}

export type Action = 'READ' | 'CREATE' | 'UPDATE' | 'DELETE' | 'DESTROY';
export const ACTIONS: readonly Action[] = ['READ', 'CREATE', 'UPDATE', 'DELETE', 'DESTROY'];
export type Rights = Readonly<Record<Action, boolean>>;

export interface Role {
  readonly name: string;
  /** Given by the database. */
  id: string;
  pgRole: string;
  /** Permissions beside those on objects. */
  readonly flags: readonly string[];
  readonly defaults: Rights;
  readonly includes: readonly Role[];
  /** Where it differs, by object: rights (null as by default), and whether its fields are an allow-list. */
  readonly objects: ReadonlyMap<string, { rights: Record<Action, boolean | null>; mode: 'ALL_EXCEPT' | 'ONLY' }>;
  /** By object.field. */
  readonly fields: ReadonlyMap<string, { read: boolean | null; update: boolean | null }>;
  readonly rules: readonly { object: string; action: 'READ' | 'UPDATE' | 'DELETE'; condition: Condition }[];
}

export interface Caller {
  readonly name: string;
  readonly role: Role;
  readonly member: Member | null;
}

export interface DataRecord {
  readonly id: string;
  readonly object: string;
  readonly cells: Record<string, Cell>;
  /** What it was before its one change, by column. */
  before?: Record<string, Cell>;
}

/** A client and a sticker that belong together. */
export interface Link {
  readonly client: string;
  readonly sticker: string;
}

export interface Share {
  readonly object: string;
  readonly record: string;
  readonly kind: 'MEMBER' | 'TEAM' | 'ROLE';
  readonly to: Member | Team | Role;
  readonly access: 'READ' | 'WRITE';
}

export const recordsOf = (world: World, object: string): DataRecord[] =>
  world.records.filter((record) => record.object === object);

/**
 * A record rule as data. It is written out as a formula for the product, and judged here in the plainest way: a
 * comparison is true or false, also where there is no value.
 */
export type Condition =
  | { readonly op: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly op: 'not'; readonly part: Condition }
  | { readonly op: 'always' | 'never' }
  | { readonly op: Comparison; readonly path: Path; readonly to: Operand }
  | { readonly op: 'in'; readonly path: Path; readonly values: readonly (string | number)[] }
  | { readonly op: 'isEmpty' | 'isNull' | 'isTrue'; readonly path: Path }
  | { readonly op: 'myTeam' | 'below'; readonly path: Path };

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type Operand =
  { readonly constant: string | number | boolean } | { readonly day: string } | 'currentMember' | 'today';

/** A field of the record itself, or at the end of one or two relations. */
export interface Path {
  readonly relations: readonly string[];
  /** The object whose field it is. */
  readonly object: string;
  /** As a formula names it. */
  readonly name: string;
  readonly column: string;
  readonly kind: Kind;
}
