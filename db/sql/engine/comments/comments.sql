-- Comments on records. Who may read a record reads its comments and may comment; one changes one's own, and who
-- moderates removes anybody's. They lie beside the record by its object and id, so they follow it into the trash and back.

-- Members that a text mentions, in the order of their mention: <@id>.
create or replace function engine.mentioned_ids(body text) returns uuid[]
language sql immutable strict parallel safe set search_path = ''
as $$
  select coalesce(array_agg(m.id order by m.n), '{}')
  from (
    select x.match[1]::uuid as id, min(x.n) as n
    from regexp_matches(body, '<@([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})>', 'g') with ordinality x (match, n)
    group by 1
  ) m
$$;
comment on function engine.mentioned_ids(text) is 'The members that a text mentions as <@id>.';

-- What mentioned members are called, by id. Who is no member can be mentioned no more than a word can.
create or replace function engine.mention_names(workspace_id uuid, body text, former jsonb default '{}') returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_names jsonb;
begin
  select coalesce(jsonb_object_agg(i.id, coalesce(nullif(m.name, ''), u.email, former ->> i.id::text)), '{}') into v_names
  from unnest(engine.mentioned_ids(body)) i (id)
  left join core.members m on m.id = i.id and m.workspace_id = mention_names.workspace_id
  left join core.users u on u.id = m.user_id;
  if jsonb_path_exists(v_names, '$.* ? (@ == null)') then
    raise exception 'The comment mentions somebody who is no member of the workspace.' using errcode = 'RV222', column = 'body',
      hint = 'A member is mentioned as <@id> with the id of the member.';
  end if;
  if (select count(*) from jsonb_object_keys(v_names)) > 50 then
    raise exception 'A comment mentions at most 50 members.' using errcode = 'RV222', column = 'body', hint = 'Mention fewer.';
  end if;
  return v_names;
end
$$;

create or replace function engine.comment_text(body text) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_text text := btrim(regexp_replace(coalesce(body, ''), '[\x01-\x08\x0b-\x1f\x7f]', '', 'g'), E' \n\t');
begin
  if length(v_text) not between 1 and 10000 then
    raise exception 'A comment has between 1 and 10,000 characters.' using errcode = 'RV220', column = 'body', hint = 'Longer texts are notes.';
  end if;
  return v_text;
end
$$;

-- A comment that the caller names, on a record that the caller may read now.
create or replace function engine.named_comment(caller name, schema_name text, comment_id uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_comment jsonb;
begin
  execute format('select to_jsonb(c) from %I.record_comments c join metadata.objects o on o.id = c.object_id and o.deleted_at is null where c.id = $1', schema_name)
    into v_comment using comment_id;
  if v_comment is null or not engine.may_touch(caller, (v_comment ->> 'object_id')::uuid, (v_comment ->> 'record_id')::uuid, 'READ') then
    raise exception 'There is no such comment.' using errcode = 'RV221', column = 'comment_id', hint = 'It may have been removed, or your role may not see its record.';
  end if;
  return v_comment;
end
$$;

create or replace function engine.commented_object(comment jsonb) returns metadata.objects
language sql stable set search_path = ''
as $$ select o from metadata.objects o where o.id = (comment ->> 'object_id')::uuid $$;

-- Whether a comment is the caller's: of the same member, key or app.
create or replace function engine.is_own_comment(author_type text, author_id uuid) returns boolean
language sql stable set search_path = ''
as $$ select coalesce((select a.type = author_type and a.id = author_id from engine.current_actor() a), false) $$;

create or replace function engine.moderates_comments() returns boolean
language sql stable set search_path = ''
  return engine.acts_as_administrator() or engine.may('MODERATE_COMMENTS');

-- The log tells that something was said, and by whom, so that screens and webhooks learn of it. What was said it does not keep.
create or replace function engine.note_comment(schema_name text, object metadata.objects, record_id uuid, comment_id uuid, change text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  v_batch bigint := nextval('engine.event_batch');
  v_actor engine.actor := engine.current_actor();
begin
  if not (object).is_audited then
    return;
  end if;
  execute format('insert into %I.record_events (batch, seq, object_id, record_id, action, after, actor_type, actor_id, actor_name, source, request_id)
    values ($1, 1, $2, $3, ''commented'', $4, $5, $6, $7, $8, nullif(current_setting(''relvar.request_id'', true), ''''))', schema_name)
  using v_batch, (object).id, record_id, jsonb_build_object('comment', jsonb_build_object('id', comment_id, 'change', change)),
    v_actor.type, v_actor.id, v_actor.name, engine.current_source();
  insert into engine.outbox (batch, workspace_id, object_id, action) values (v_batch, (object).workspace_id, (object).id, 'commented');
end
$$;

create or replace function engine.comments_of_record(caller name, schema_name text, object_name text, record_id uuid, max_threads int, before_thread uuid)
returns table (comment_id uuid, parent_id uuid, body text, mentions jsonb, author_type text, author_id uuid, author_name text, created_at timestamptz, edited_at timestamptz,
  is_removed boolean, resolved_at timestamptz, resolved_by_name text, may_edit boolean, may_remove boolean)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
  v_actor engine.actor := engine.current_actor();
begin
  return query execute format($sql$
      with threads as (
        select t.id, t.created_at from %1$I.record_comments t
        where t.object_id = $1 and t.record_id = $2 and t.parent_id is null
          and ($4 is null or (t.created_at, t.id) < (select b.created_at, b.id from %1$I.record_comments b where b.id = $4))
          -- What was removed is shown as a gap, while there are replies to it.
          and (t.removed_at is null or exists (select from %1$I.record_comments r where r.parent_id = t.id and r.removed_at is null))
        order by t.created_at desc, t.id desc limit $3
      )
      select c.id, c.parent_id, case when c.removed_at is null then c.body else '' end,
        case when c.removed_at is null then c.mentions || coalesce((
          select jsonb_object_agg(m.id, m.name) from core.members m
          where m.workspace_id = $5 and m.id = any (engine.mentioned_ids(c.body)) and m.name <> ''), '{}') else '{}' end,
        c.author_type, c.author_id, c.author_name, c.created_at, c.edited_at, c.removed_at is not null, c.resolved_at, c.resolved_by_name,
        o.is_own and c.removed_at is null, (o.is_own or $8) and c.removed_at is null
      from threads t
      join %1$I.record_comments c on c.id = t.id or c.parent_id = t.id and c.removed_at is null
      cross join lateral (select coalesce(c.author_type = $6 and c.author_id = $7, false) as is_own) o
      order by t.created_at, t.id, c.parent_id is not null, c.created_at, c.id
    $sql$, schema_name)
  using v_object.id, record_id, least(greatest(max_threads, 1), 200), before_thread, v_object.workspace_id, v_actor.type, v_actor.id, engine.moderates_comments();
end
$$;

create or replace function engine.add_comment(caller name, schema_name text, object_name text, record_id uuid, body text, parent_id uuid) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
  v_text text := engine.comment_text(body);
  v_names jsonb := engine.mention_names(v_object.workspace_id, v_text);
  v_actor engine.actor := engine.current_actor();
  v_parent uuid;
  v_id uuid;
begin
  if parent_id is not null then
    -- Threads have one level: a reply to a reply goes where that one stands.
    execute format('select coalesce(c.parent_id, c.id) from %I.record_comments c where c.id = $1 and c.object_id = $2 and c.record_id = $3', schema_name)
      into v_parent using parent_id, v_object.id, record_id;
    if v_parent is null then
      raise exception 'The comment that this one replies to is not there.' using errcode = 'RV221', column = 'parent_id', hint = 'It may have been removed.';
    end if;
  end if;
  execute format('insert into %I.record_comments (object_id, record_id, parent_id, body, mentions, author_type, author_id, author_name)
    values ($1, $2, $3, $4, $5, $6, $7, $8) returning id', schema_name)
  into v_id using v_object.id, record_id, v_parent, v_text, v_names, v_actor.type, v_actor.id, v_actor.name;
  if v_parent is not null then
    execute format('update %I.record_comments c set resolved_at = null, resolved_by_name = null where c.id = $1 and c.resolved_at is not null', schema_name) using v_parent;
  end if;
  perform engine.note_comment(schema_name, v_object, record_id, v_id, 'ADDED');
  return jsonb_build_object('id', v_id, 'notTold', engine.tell_mentioned(schema_name, v_object, record_id, v_id, v_parent, engine.mentioned_ids(v_text)));
end
$$;

create or replace function engine.edit_comment(caller name, schema_name text, comment_id uuid, body text) returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_text text := engine.comment_text(body);
  v_comment jsonb := engine.named_comment(caller, schema_name, comment_id);
  v_object metadata.objects := engine.commented_object(v_comment);
begin
  if not engine.is_own_comment(v_comment ->> 'author_type', (v_comment ->> 'author_id')::uuid) then
    raise exception 'A comment is changed by who wrote it.' using errcode = '42501', hint = 'Reply to it instead.';
  end if;
  if v_comment -> 'removed_at' <> 'null' then
    raise exception 'There is no such comment.' using errcode = 'RV221', column = 'comment_id', hint = 'It was removed. Bring it back first.';
  end if;
  if v_text <> v_comment ->> 'body' then
    execute format('update %I.record_comments c set body = $2, mentions = $3, edited_at = now() where c.id = $1', schema_name)
      using comment_id, v_text, engine.mention_names(v_object.workspace_id, v_text, v_comment -> 'mentions');
    perform engine.note_comment(schema_name, v_object, (v_comment ->> 'record_id')::uuid, comment_id, 'EDITED');
  end if;
  return jsonb_build_object('id', comment_id, 'notTold', engine.tell_mentioned(schema_name, v_object, (v_comment ->> 'record_id')::uuid, comment_id, null,
    array(select i from unnest(engine.mentioned_ids(v_text)) i where not v_comment -> 'mentions' ? i::text)));
end
$$;

create or replace function engine.remove_comment(caller name, schema_name text, comment_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_comment jsonb := engine.named_comment(caller, schema_name, comment_id);
  v_object metadata.objects := engine.commented_object(v_comment);
  v_id uuid;
begin
  if not engine.is_own_comment(v_comment ->> 'author_type', (v_comment ->> 'author_id')::uuid) and not engine.moderates_comments() then
    raise exception 'A comment is removed by who wrote it, or by who moderates comments.' using errcode = '42501', hint = 'Ask an administrator of the workspace.';
  end if;
  execute format('update %I.record_comments c set removed_at = now(), removed_by = $2 where c.id = $1 and c.removed_at is null returning c.id', schema_name)
    into v_id using comment_id, (engine.current_actor()).id;
  if v_id is null then
    return false;
  end if;
  perform engine.note_comment(schema_name, v_object, (v_comment ->> 'record_id')::uuid, comment_id, 'REMOVED');
  return true;
end
$$;

create or replace function engine.bring_back_comment(caller name, schema_name text, comment_id uuid) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_comment jsonb := engine.named_comment(caller, schema_name, comment_id);
  v_object metadata.objects := engine.commented_object(v_comment);
  v_id uuid;
begin
  if (v_comment ->> 'removed_by')::uuid is distinct from (engine.current_actor()).id and not engine.acts_as_administrator() then
    raise exception 'A comment is brought back by who removed it.' using errcode = '42501', hint = 'Ask them.';
  end if;
  execute format('update %I.record_comments c set removed_at = null, removed_by = null where c.id = $1 and c.removed_at is not null returning c.id', schema_name)
    into v_id using comment_id;
  if v_id is null then
    return false;
  end if;
  perform engine.note_comment(schema_name, v_object, (v_comment ->> 'record_id')::uuid, comment_id, 'ADDED');
  return true;
end
$$;

create or replace function engine.resolve_comment(caller name, schema_name text, comment_id uuid, is_resolved boolean) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_comment jsonb := engine.named_comment(caller, schema_name, comment_id);
  v_object metadata.objects := engine.commented_object(v_comment);
  v_id uuid;
begin
  execute format('update %I.record_comments c set resolved_at = case when $2 then now() end, resolved_by_name = case when $2 then $3 end
    where c.id = $1 and c.parent_id is null and (c.resolved_at is not null) <> $2 returning c.id', schema_name)
    into v_id using comment_id, coalesce(is_resolved, true), (engine.current_actor()).name;
  if v_id is null then
    return false;
  end if;
  perform engine.note_comment(schema_name, v_object, (v_comment ->> 'record_id')::uuid, comment_id, case when is_resolved then 'RESOLVED' else 'REOPENED' end);
  return true;
end
$$;

-- Members that the caller's role may see, and whether each may read the record.
create or replace function engine.mentionable_members(caller name, schema_name text, object_name text, record_id uuid, query text, max_results int)
returns table (member_id uuid, name text, avatar_url text, can_read boolean)
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_object metadata.objects := engine.shareable_object(caller, schema_name, object_name, record_id, 'READ');
  v_members uuid := (select o.id from metadata.objects o where o.workspace_id = v_object.workspace_id and o.universal_identifier = 'standard:workspaceMember');
begin
  if not engine.has_right(caller, v_members, 'READ') then
    return;
  end if;
  return query execute format($sql$
      select m.id, m.name, m.avatar_url, engine.member_reads(m.id, $3, $4)
      from (
        select m.id, m.name, m.avatar_url
        from core.members m join %I.workspace_members t on t.id = m.id
        where m.workspace_id = $1 and m.is_active and m.name <> '' and %s
          and not exists (select from regexp_split_to_table(engine.search_text($2), '\s+') w (word)
            where w.word <> '' and not (' ' || engine.search_text(m.name)) like '%% ' || replace(replace(replace(w.word, '\', '\\'), '%%', '\%%'), '_', '\_') || '%%')
        order by lower(m.name), m.id limit $5
      ) m
      order by lower(m.name), m.id
    $sql$, schema_name, engine.condition_of(caller, v_members, 'READ', 't.'))
  using v_object.workspace_id, coalesce(query, ''), v_object.id, record_id, least(greatest(max_results, 1), 50);
end
$$;

-- Comments that were removed more than a day ago: gone, or empty where there are replies to them.
create or replace function engine.purge_comments() returns int
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_schema text;
  v_count int;
  v_total int := 0;
begin
  for v_schema in select w.schema_name from core.workspaces w loop
    execute format($sql$
        with gone as (
          delete from %1$I.record_comments c
          where c.removed_at < now() - interval '1 day' and not exists (select from %1$I.record_comments r where r.parent_id = c.id and r.removed_at is null) returning 1
        ), emptied as (
          update %1$I.record_comments c set body = '', mentions = '{}'
          where c.removed_at < now() - interval '1 day' and c.body <> '' and exists (select from %1$I.record_comments r where r.parent_id = c.id and r.removed_at is null) returning 1
        )
        select (select count(*) from gone) + (select count(*) from emptied)
      $sql$, v_schema) into v_count;
    v_total := v_total + v_count;
  end loop;
  return v_total;
end
$$;
grant execute on function engine.purge_comments() to relvar_worker;

-- Reached only through the tenant's own functions, which name the caller.
grant execute on function engine.comments_of_record(name, text, text, uuid, int, uuid), engine.mentionable_members(name, text, text, uuid, text, int),
  engine.add_comment(name, text, text, uuid, text, uuid), engine.edit_comment(name, text, uuid, text), engine.remove_comment(name, text, uuid),
  engine.bring_back_comment(name, text, uuid), engine.resolve_comment(name, text, uuid, boolean) to relvar_crm;
grant execute on function engine.comments_of_record(name, text, text, uuid, int, uuid) to relvar_reader;
