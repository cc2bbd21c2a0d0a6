-- Search reads text without accents, case or the punctuation of addresses, so that "jose" finds
-- José and "example" finds ann@example.com.
create or replace function engine.search_text(content text) returns text
language sql immutable strict parallel safe set search_path = ''
as $$ select lower(public.unaccent('public.unaccent'::regdictionary, translate(content, '@._-/+:', '       '))) $$;
comment on function engine.search_text(text) is 'A text as search compares it: lower case, no accents, addresses split into words.';
-- Called by generated columns with the rights of whoever writes.
grant execute on function engine.search_text(text) to public;

-- The words of a query, as search compares them. What is a letter is the database's own matter, also where the caller is
-- handed on as a "name", whose collation knows ASCII only and would become that of all texts of the call.
create or replace function engine.search_words(query text) returns text[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select coalesce(array_agg(w order by n), '{}') from regexp_split_to_table(engine.search_text(query collate "default"), '[^[:alnum:]]+') with ordinality x (w, n) where w <> ''
$$;

-- Each word must match the beginning of a word in the record.
create or replace function engine.search_query(words text[]) returns tsquery
language sql immutable strict parallel safe set search_path = ''
as $$ select string_agg(quote_literal(w) || ':*', ' & ')::tsquery from unnest(words) w $$;

-- The words of a table's records, with the share of the records that have each, from a sample of some twelve pages: those that very many
-- have are among them. Of a table that is not large, none. The statistics of PostgreSQL know it, too, but are closed to an owner whose own
-- table has policies.
create or replace function engine.sampled_words(schema_name text, table_name text) returns table (word text, share float8)
language plpgsql stable set search_path = ''
as $$
declare
  v_table regclass := format('%I.%I', schema_name, table_name);
  v_pages bigint := pg_relation_size(v_table) / current_setting('block_size')::int;
begin
  if v_pages > 120 then
    return query execute format(
      'with sample as materialized (select t.search_vector from %s t tablesample system (%s) repeatable (1))
       select l, count(*)::float8 / (select count(*) from sample) from sample, unnest(tsvector_to_array(sample.search_vector)) l group by l', v_table, 1200.0 / v_pages);
  end if;
end
$$;

-- Those of some words, or beginnings of words, that very many records have: "com" in addresses. To look each of these up in the
-- index takes longer than to look at the records that have the other words.
create or replace function engine.common_words(schema_name text, table_name text, words text[], is_whole boolean) returns text[]
language sql stable strict set search_path = ''
as $$
  with sampled as materialized (select s.word, s.share from engine.sampled_words(schema_name, table_name) s)
  select coalesce(array_agg(w), '{}') from unnest(words) w
  where (select sum(s.share) from sampled s where case when is_whole then s.word = w else starts_with(s.word, w) end) > 0.02
$$;

-- What a word is one slip of the pen away from: a letter too many, too few or wrong, or two that changed places. Numbers are
-- meant as they are. Scripts whose letters are not listed here lose and swap letters only.
create or replace function engine.spellings(word text) returns setof text
language sql immutable strict parallel safe set search_path = ''
as $$
  with alphabet as materialized (
    select string_to_array(case
      when word ~ '[a-z]' then 'abcdefghijklmnopqrstuvwxyz'
      when word ~ '[а-я]' then 'абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ'
      when word ~ '[α-ω]' then 'αβγδεζηθικλμνξοπρςστυφχψω'
      else '' end, null) as letters
    where word ~ '[^0-9]'
  )
  select left(word, i) || substr(word, i + 2) from alphabet, generate_series(0, length(word) - 1) i
  union select left(word, i) || substr(word, i + 2, 1) || substr(word, i + 1, 1) || substr(word, i + 3) from alphabet, generate_series(0, length(word) - 2) i
  union select left(word, i) || c || substr(word, i + 2) from alphabet, unnest(letters) c, generate_series(0, length(word) - 1) i
  union select left(word, i) || c || substr(word, i + 1) from alphabet, unnest(letters) c, generate_series(0, length(word)) i
$$;

-- Those of some spellings that words of a table's records have. Of a small table all words are read; in a large one the index
-- answers for each in a few microseconds, however many records there are, once what was written lately is not in a list before it any more;
-- those that many records have are in a sample.
create or replace function engine.known_spellings(schema_name text, table_name text, spellings text[]) returns text[]
language plpgsql stable set search_path = '' set enable_seqscan = off set jit = off
as $$
declare
  v_table regclass := format('%I.%I', schema_name, table_name);
  v_usual text[];
  v_known text[];
begin
  if pg_relation_size(v_table) <= 120 * current_setting('block_size')::int then
    execute format('select array_agg(distinct l) from %s t, unnest(tsvector_to_array(t.search_vector)) l where l = any ($1)', v_table) into v_known using spellings;
    return v_known;
  end if;
  if not pg_is_in_recovery() then
    perform gin_clean_pending_list(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam and m.amname = 'gin'
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] and a.attname = 'search_vector'
    where i.indrelid = v_table and i.indisvalid;
  end if;
  v_usual := array(select s.word from engine.sampled_words(schema_name, table_name) s where s.word = any (spellings));
  execute format('select array_agg(s) from unnest($1) s where s <> all ($2) and exists (select from %s t where t.search_vector @@ quote_literal(s)::tsquery)', v_table)
    into v_known using spellings, v_usual;
  return v_usual || v_known;
end
$$;

-- The words of a query with those that each may have been meant to be, as known to a table: what is sought by the index, and what is then
-- looked for in the records found, because very many have it. It tells nothing of records that the caller does not see, since it only
-- widens what is then asked under the caller's rights.
create or replace function engine.spelling_query(schema_name text, table_name text, words text[], spellings jsonb, all_spellings text[], out sought tsquery, out checked tsquery)
language sql stable set search_path = ''
as $$
  with known as materialized (
    select engine.known_spellings(schema_name, table_name, all_spellings) as words
  ), common as materialized (
    select engine.common_words(schema_name, table_name, known.words, true) as words from known
  ), groups as (
    select n, coalesce(bool_or(k = any (common.words)), false) as is_common, '(' || quote_literal(w) || ':*' || coalesce(string_agg(' | ' || quote_literal(k), ''), '') || ')' as content,
      '(' || quote_literal(w) || ':*' || coalesce(string_agg(' | ' || quote_literal(k), '') filter (where k <> all (common.words)), '') || ')' as seldom
    from common, unnest(spelling_query.words) with ordinality x (w, n)
    left join lateral (select k from known, unnest(known.words) k where spellings -> w ? k) s on true
    group by n, w
  )
  -- Where each word may be one that very many have, it is not: they would be read all.
  select coalesce(string_agg(content, ' & ' order by n) filter (where not is_common), string_agg(seldom, ' & ' order by n))::tsquery,
    case when not bool_and(is_common) then string_agg(content, ' & ' order by n) filter (where is_common) end::tsquery
  from groups
$$;

-- Search over every searchable object of a tenant that the role may read. It runs as the owner,
-- because under a policy PostgreSQL uses no index for full text (the operators are not
-- leakproof). So the caller's rights are asked first: a role that may not read all that an object's
-- vector is made of does not search it, and where it sees some records only, the same condition as
-- that of its policies is part of the query. Of a few records each is looked at: how many have a
-- word is not known well enough for PostgreSQL to see that itself.
--
-- The rank says how a record was found: 5 it is called so, 4 its name begins so, 3 words of its name do, 2 words of something else of it,
-- between 0 and 1 it is spelt alike. Among equals those changed last come first, where the role may know when. Of very
-- many that match, some hundred of each object are compared: those that are called so, or begin so, are looked up on their own.
create or replace function engine.search(caller name, schema_name text, query text, max_results int)
returns table (object_name text, record_id uuid, label text, rank real)
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = on
as $$
declare
  c_enough constant int := 5;
  v_words text[] := engine.search_words(query);
  v_text text := btrim(regexp_replace(engine.search_text(query collate "default"), '\s+', ' ', 'g'));
  v_pattern text := replace(replace(replace(v_text, '\', '\\'), '%', '\%'), '_', '\_') || '%';
  v_query tsquery := engine.search_query(v_words);
  v_limit int := least(greatest(max_results, 1), 100);
  v_columns text;
  v_common text[];
  v_seldom text[];
  v_exact text[] := '{}';
  v_tables text[] := '{}';
  v_sought jsonb := '[]';
  v_selects text[] := '{}';
  v_alike text[] := '{}';
  v_loose text[] := '{}';
  v_spellings jsonb;
  v_all text[];
  v_meant record;
  v_found uuid[] := '{}';
  o record;
begin
  if v_query is null then
    return;
  end if;
  for o in
    select x.*, case when x.policy = 'true' then format('from %I.%I t where true', search.schema_name, x.table_name)
        when x.is_few then format('from (select * from %I.%I where %s limit 5000) t where true', search.schema_name, x.table_name, x.policy)
        else format('from %I.%I t where %s', search.schema_name, x.table_name, x.policy) end as source
    from (
      select ob.name_singular, ob.table_name, ob.position, ob.label_field_id is not null as has_label, engine.label_expression(ob.id, 't') as label, p.policy,
        p.policy not in ('true', 'false') and engine.sees_few(search.schema_name, ob.table_name, p.policy, 5000) as is_few,
        case when exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'updated_at' and not a.attisdropped)
          and has_column_privilege(caller, c.oid, 'updated_at', 'select') then 't.updated_at' else 'null::timestamptz' end as changed
      from core.workspaces w
      join metadata.objects ob on ob.workspace_id = w.id
      cross join lateral (select to_regclass(format('%I.%I', w.schema_name, ob.table_name))::oid as oid offset 0) c
      cross join lateral (select engine.read_policy(caller, c.oid) as policy offset 0) p
      where w.schema_name = search.schema_name and ob.is_active and ob.deleted_at is null and ob.is_searchable and not ob.is_system
        and has_column_privilege(caller, c.oid, 'search_vector', 'select')
    ) x
    where x.policy <> 'false'
    order by x.position
  loop
    v_columns := format('select %L::text as object_name, t.id, %s as label, engine.search_text(%2$s) as content, %s as changed %s', o.name_singular, o.label, o.changed, o.source);
    if o.has_label then
      v_loose := v_loose || format('(%s and engine.search_text(%s) operator(public.%%>) $3 limit 300)', v_columns, o.label);
    end if;
    v_common := case when cardinality(v_words) > 1 and not o.is_few then engine.common_words(schema_name, o.table_name, v_words, false) else '{}' end;
    v_seldom := array(select w from unnest(v_words) w where w <> all (v_common));
    if v_common <> '{}' and v_seldom <> '{}' then
      v_columns := v_columns || format(' and (t.search_vector || '''') @@ %L::tsquery', engine.search_query(v_common));
    else
      v_seldom := v_words;
    end if;
    v_exact := v_exact || format('(%s and t.search_vector @@ %L::tsquery limit 300)', v_columns, engine.search_query(v_seldom));
    -- Three letters are the least that the index on labels tells from others.
    if o.has_label and not o.is_few and length(v_text) > 2 then
      v_exact := v_exact || format('(%s and engine.search_text(%s) like $2 limit 300)', v_columns, o.label);
    end if;
    v_tables := v_tables || o.table_name;
    v_sought := v_sought || jsonb_build_array(v_seldom);
    v_selects := v_selects || v_columns;
  end loop;
  if v_exact = '{}' then
    return;
  end if;
  for object_name, record_id, label, rank in execute format(
    'select f.object_name, f.id, f.label, f.rank from (
       select distinct on (s.id) s.*, (case when s.content = $3 then 5 when starts_with(s.content, $3) then 4
         when (select bool_and(strpos('' '' || s.content, '' '' || w) > 0) from unnest($4) w) then 3 else 2 end)::real as rank
       from (%s) s
     ) f order by f.rank desc, f.changed desc nulls last, length(f.label), f.id desc limit $5', array_to_string(v_exact, ' union all '))
    using v_query, v_pattern, v_text, v_words, v_limit
  loop
    v_found := v_found || record_id;
    return next;
  end loop;
  -- Few begin with these letters: offer what is spelt alike, too.
  if cardinality(v_found) < least(c_enough, v_limit) then
    with spelt as materialized (
      select w, array(select s from engine.spellings(w) s where s <> '') as s from (select distinct w from unnest(v_words[:6]) w where length(w) between 3 and 40) x
    )
    select coalesce(jsonb_object_agg(w, to_jsonb(s)), '{}'), coalesce((select array_agg(distinct each) from spelt, unnest(spelt.s) each), '{}') into v_spellings, v_all from spelt;
    for i in 1 .. cardinality(v_tables) loop
      select m.* into v_meant from engine.spelling_query(schema_name, v_tables[i], array(select jsonb_array_elements_text(v_sought -> (i - 1))), v_spellings, v_all) m;
      v_alike := v_alike || format('(%s and t.search_vector @@ %L::tsquery%s limit 300)', v_selects[i], v_meant.sought,
        case when v_meant.checked is not null then format(' and (t.search_vector || '''') @@ %L::tsquery', v_meant.checked) end);
    end loop;
    -- How many records have a word that is seldom is not known: where that is guessed wrong, a whole table is read.
    perform set_config('enable_seqscan', 'off', true);
    for object_name, record_id, label, rank in execute format(
      'select s.object_name, s.id, s.label, least(public.similarity($3, s.content), 0.99)::real as rank from (%s) s
       where s.id <> all ($6) order by 4 desc, s.changed desc nulls last, length(s.label), s.id desc limit $5', array_to_string(v_alike, ' union all '))
      using v_query, v_pattern, v_text, v_words, v_limit - cardinality(v_found), v_found
    loop
      v_found := v_found || record_id;
      return next;
    end loop;
  end if;
  -- More than one slip in a word, or words run together.
  if v_found = '{}' and v_loose <> '{}' and v_text !~ '[0-9]' then
    return query execute format(
      'select s.object_name, s.id, s.label, least(public.word_similarity($3, s.content), 0.99)::real as rank from (%s) s
       order by 4 desc, s.changed desc nulls last, length(s.label), s.id desc limit $5', array_to_string(v_loose, ' union all '))
      using v_query, v_pattern, v_text, v_words, v_limit;
  end if;
end
$$;

-- Reached only through the tenant's own search_records, which names the caller.
grant execute on function engine.search(name, text, text, int) to relvar_crm;
