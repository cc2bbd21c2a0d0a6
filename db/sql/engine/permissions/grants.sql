-- What to grant and to revoke between two sets of privileges on a table, as facts write them: "delete,
-- insert (a, b), select". Each column that a statement names costs PostgreSQL a row of its catalogue, so
-- what stays is not touched.

create or replace function engine.privileges(definition text) returns table (privilege text, columns text[])
language sql immutable parallel safe set search_path = ''
as $$
  select m[1], case when m[2] is not null then array(select c[1] from regexp_matches(m[2], '"(?:[^"]|"")*"|[^", ]+', 'g') c) end
  from regexp_matches(definition, '([a-z]+)(?: \(((?:"(?:[^"]|"")*"|[^")])*)\))?(?:, |$)', 'g') m
$$;
comment on function engine.privileges(text) is 'Privileges on a table, one by one: with the columns that each is for, quoted as they need to be, or null for the whole table.';

create or replace function engine.grant_change(have text, want text, out revoked text, out granted text)
language sql immutable parallel safe set search_path = ''
as $$
  with change as (
    select privilege, h.privilege is not null as is_had, w.privilege is not null as is_wanted,
      case when h.columns is not null and w.columns is not null then array(select c from unnest(h.columns) c where c <> all (w.columns)) end as less,
      case when h.columns is not null and w.columns is not null then array(select c from unnest(w.columns) c where c <> all (h.columns)) else w.columns end as more,
      -- From the whole table to some columns, or back.
      (h.columns is null) <> (w.columns is null) as is_other
    from engine.privileges(have) h full join engine.privileges(want) w using (privilege)
  )
  select
    string_agg(privilege || coalesce(' (' || array_to_string(less, ', ') || ')', ''), ', ' order by privilege) filter (where is_had and (not is_wanted or is_other or less <> '{}')),
    string_agg(privilege || coalesce(' (' || array_to_string(more, ', ') || ')', ''), ', ' order by privilege) filter (where is_wanted and (not is_had or is_other or more <> '{}'))
  from change
$$;
comment on function engine.grant_change(text, text) is 'The privileges to revoke and those to grant so that what a role has becomes what it should have; null for none.';
