-- Search reads text without accents, case or the punctuation of addresses, so that "jose" finds
-- José and "example" finds ann@example.com.
create or replace function engine.search_text(content text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$ select lower(public.unaccent('public.unaccent'::regdictionary, translate(content, '@._-/+:', '       '))) $$;
comment on function engine.search_text(text) is 'A text as search compares it: lower case, no accents, addresses split into words.';
-- Called by generated columns with the rights of whoever writes.
grant execute on function engine.search_text(text) to public;

-- Each word must match the beginning of a word in the record.
create or replace function engine.search_query(query text) returns tsquery
language sql immutable strict parallel safe set search_path = ''
as $$
  select string_agg(quote_literal(w) || ':*', ' & ')::tsquery
  from regexp_split_to_table(engine.search_text(query), '[^[:alnum:]]+') w
  where w <> ''
$$;

-- Search over every searchable object of a tenant that the role may read. It runs as the owner,
-- because under a policy PostgreSQL uses no index for full text (the operators are not
-- leakproof). So the caller's rights are asked first: a role that may not read all that an object's
-- vector is made of does not search it, and where it sees some records only, the same condition as
-- that of its policies is part of the query. Of a few records each is looked at: how many have a
-- word is not known well enough for PostgreSQL to see that itself.
create or replace function engine.search(caller name, schema_name text, query text, max_results int)
returns table (object_name text, record_id uuid, label text, rank real)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_words text := '';
  v_spellings text := '';
  v_query tsquery := engine.search_query(query);
  v_limit int := least(greatest(max_results, 1), 100);
  v_from text;
  o record;
begin
  if v_query is null then
    return;
  end if;
  for o in
    select ob.name_singular, ob.table_name, ob.label_field_id is not null as has_label, engine.label_expression(ob.id, 't') as label, engine.read_policy(caller, c.oid) as policy
    from core.workspaces w
    join metadata.objects ob on ob.workspace_id = w.id
    cross join lateral (select to_regclass(format('%I.%I', w.schema_name, ob.table_name))::oid as oid offset 0) c
    where w.schema_name = search.schema_name and ob.is_active and ob.deleted_at is null and ob.is_searchable and not ob.is_system
      and has_column_privilege(caller, c.oid, 'search_vector', 'select')
    order by ob.position
  loop
    continue when o.policy = 'false';
    v_from := case when o.policy = 'true' then format('from %I.%I t where true', schema_name, o.table_name)
      when engine.sees_few(schema_name, o.table_name, o.policy, 5000) then format('from (select * from %I.%I where %s limit 5000) t where true', schema_name, o.table_name, o.policy)
      else format('from %I.%I t where %s', schema_name, o.table_name, o.policy) end;
    v_words := v_words || case when v_words = '' then '' else ' union all ' end || format(
      '(select %L::text as object_name, t.id, %s as label, ts_rank(t.search_vector, $1) as rank %s and t.search_vector @@ $1 limit 1000)', o.name_singular, o.label, v_from);
    if o.has_label then
      v_spellings := v_spellings || case when v_spellings = '' then '' else ' union all ' end || format(
        '(select %L::text as object_name, t.id, %s as label, public.word_similarity($1, engine.search_text(%2$s)) as rank %s and engine.search_text(%2$s) operator(public.%%>) $1 limit 1000)',
        o.name_singular, o.label, v_from);
    end if;
  end loop;
  if v_words = '' then
    return;
  end if;
  return query execute 'select s.object_name, s.id, s.label, s.rank from (' || v_words || ') s
    order by starts_with(engine.search_text(s.label), $3) desc, s.rank desc, length(s.label), s.id limit $2'
    using v_query, v_limit, engine.search_text(query);
  -- Nothing begins with these letters: offer labels that are spelt alike.
  if not found and v_spellings <> '' then
    return query execute 'select s.object_name, s.id, s.label, s.rank from (' || v_spellings || ') s
      order by s.rank desc, length(s.label), s.id limit $2' using engine.search_text(query), v_limit;
  end if;
end
$$;

-- Reached only through the tenant's own search_records, which names the caller.
grant execute on function engine.search(name, text, text, int) to relvar_crm;
