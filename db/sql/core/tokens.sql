-- Links that work once. A token is 244 random bits; whoever reads this table learns only its hash.

create or replace function core.random_token() returns text
language sql volatile set search_path = ''
as $$ select replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '') $$;

create or replace function core.hash_token(token text) returns bytea
language sql immutable parallel safe set search_path = ''
  return sha256(convert_to(token, 'UTF8'));

create or replace function core.issue_token(kind text, email text, user_id uuid, valid_for interval, workspace_id uuid default null, payload jsonb default '{}') returns text
language plpgsql volatile set search_path = ''
as $$
declare
  v_token text := core.random_token();
begin
  insert into core.one_time_tokens (kind, email, user_id, expires_at, workspace_id, payload, token_hash)
  values (issue_token.kind, issue_token.email, issue_token.user_id, now() + valid_for, issue_token.workspace_id, issue_token.payload, core.hash_token(v_token));
  return v_token;
end
$$;

-- The update is what decides: of two requests with the same token, the second finds it used.
create or replace function core.use_token(kind text, token text) returns core.one_time_tokens
language sql volatile set search_path = ''
as $$
  update core.one_time_tokens t set used_at = now()
  where t.token_hash = core.hash_token(use_token.token) and t.kind = use_token.kind and t.used_at is null and t.expires_at > now()
  returning t.*
$$;

create or replace function core.look_at_token(kind text, token text) returns core.one_time_tokens
language sql stable set search_path = ''
as $$
  select t from core.one_time_tokens t
  where t.token_hash = core.hash_token(look_at_token.token) and t.kind = look_at_token.kind and t.used_at is null and t.expires_at > now()
$$;

-- Why a link does not work is for the audit; whoever has the link learns only that it does not.
create or replace function core.note_refused_link(token text, ip inet, user_agent text) returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_hash bytea := core.hash_token(token);
  v_token core.one_time_tokens;
  v_invitation core.invitations;
begin
  select * into v_token from core.one_time_tokens t where t.token_hash = v_hash;
  if found then
    perform core.note_auth_event('LINK_REFUSED', v_token.workspace_id, v_token.user_id, v_token.email, ip, user_agent,
      jsonb_build_object('link', v_token.kind, 'reason', case when v_token.used_at is not null then 'USED' when v_token.expires_at <= now() then 'EXPIRED' else 'WRONG_KIND' end));
    return;
  end if;
  select * into v_invitation from core.invitations i where i.token_hash = v_hash;
  perform core.note_auth_event('LINK_REFUSED', v_invitation.workspace_id, null, v_invitation.email, ip, user_agent,
    jsonb_build_object('link', case when v_invitation.id is null then 'UNKNOWN' else 'INVITATION' end,
      'reason', case when v_invitation.id is null then 'UNKNOWN' when v_invitation.accepted_at is not null then 'USED'
        when v_invitation.revoked_at is not null then 'REVOKED' else 'EXPIRED' end));
end
$$;

create or replace function core.forget_tokens() returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.one_time_tokens t where t.expires_at < now() - interval '30 days' $$;

grant execute on function core.note_refused_link(text, inet, text) to relvar_server;
grant execute on function core.forget_tokens() to relvar_worker;
