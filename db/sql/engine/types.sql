-- What the engine's functions hand on to one another. A function can be replaced and a type cannot, so types stand apart:
-- a migration that includes a file of functions again changes them by "alter type", here and there.

-- One thing that stands in a tenant's schema, or should.
create type engine.fact as (
  kind text,          -- table, column, constraint, index, rls, policy, trigger, grant, function, internal, role
  key text,
  table_key text,     -- the object's id, or the name of an internal table
  table_name text,
  name text,
  definition text,    -- the clause that creates it
  comment text,
  pg_type text,
  not_null boolean,
  default_expr text,
  generated_expr text,
  oid oid             -- actual facts only
);

-- A thing that should be, and the same thing as it is.
create type engine.difference as (
  kind text,
  key text,
  want engine.fact,
  have engine.fact,
  is_missing boolean,
  is_extra boolean,
  is_recreated boolean,  -- dropped and made anew, since what it depends on has changed
  old_table text,        -- the table's name before renames, and after them
  new_table text,
  row_estimate bigint
);

-- A statement of a plan.
create type engine.step as (
  step int,
  kind text,
  object_name text,
  statement text,
  lock_level text,
  rewrites boolean,
  row_estimate bigint,
  is_online boolean,
  note text
);

-- A column that a field comes to.
create type engine.column_spec as (
  object_id uuid,
  table_name text,
  field_id uuid,
  key text,            -- identity of the column: field, revision of its type, part or relation
  name text,
  part text,
  relation_id uuid,
  type text,           -- of the field
  pg_type text,
  not_null boolean,
  default_expr text,   -- 'identity 1' for a column that counts by itself from 1
  generated_expr text,
  generated_kind text, -- stored, virtual, or kept by triggers
  generated_basis text, -- what the expression depends on, by identity; a rename does not change it
  is_writable boolean,
  position double precision,
  ordinal int,
  is_active boolean,
  description text
);

-- What somebody changed by hand, and what can be done about it.
create type engine.drift_item as (
  kind text,
  key text,
  object_id uuid,
  object_name text,
  name text,
  detail text,
  proposals text[],
  statements text[],   -- of REPAIR
  is_ignored boolean,
  basis text           -- what it is like now: ignored is only what stays like that
);

-- A word of a formula, and where it stands.
create type engine.formula_token as (kind text, value text, at int);

-- A field as its columns stand, before its type changes.
create type engine.standing_field as (
  schema_name text,
  table_name text,
  row_estimate bigint,
  names jsonb,        -- name of each column, by part; of relations by relation
  keys jsonb,         -- its identity
  types jsonb,
  generated text[]    -- parts that the database computes
);

-- How many values convert, and how.
create type engine.conversion_count as (
  total bigint,
  empty bigint,
  converts bigint,
  fails bigint,
  is_identical boolean,  -- no value would look other than it does
  failures jsonb,
  samples jsonb
);

-- The parts that a manifest is made of, in an order in which they can be made: their table, the
-- column that says whose they are, and, where they have no identifier, the column that tells them apart.
create type engine.bundle_part as (phase int, part text, table_name text, owner_table text, owner_column text, key_column text);

-- What a column of today was called for a while, and since when its values are of its type.
create type engine.past_name as (name text, past_name text, since timestamptz, until timestamptz, pg_type text, typed_since timestamptz);

-- What one record becomes when changes are taken back, and what is in the way.
create type engine.revert_item as (
  object_id uuid,
  object_name text,
  record_id uuid,
  label text,
  action text,         -- UPDATE, DELETE (what was created goes to the trash) or RESTORE
  before jsonb,        -- the values that stand now, by column
  after jsonb,
  conflicts jsonb      -- [{column, kind, by, at}]; without a column it is the record's
);
