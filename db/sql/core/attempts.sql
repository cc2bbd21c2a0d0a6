-- Counting what may happen only so often: passwords tried, mails sent, requests of a key. In the database, so that
-- several servers count together; unlogged, so that counting costs no disk write, and a crash forgets it.

create or replace function core.count_attempt(key text, max int, period interval) returns boolean
language sql volatile security definer set search_path = ''
as $$
  insert into core.attempts as a (key, window_start, window_end, count)
  values (count_attempt.key, clock_timestamp(), clock_timestamp() + period, 1)
  on conflict (key) do update set
    window_start = case when a.window_end > clock_timestamp() then a.window_start else excluded.window_start end,
    window_end = case when a.window_end > clock_timestamp() then a.window_end else excluded.window_end end,
    count = case when a.window_end > clock_timestamp() then a.count + 1 else 1 end
  returning count <= count_attempt.max
$$;
comment on function core.count_attempt(text, int, interval) is
  'Counts an attempt and says whether it is among the first "max" within the period, which begins with the first attempt.';

create or replace function core.attempt_wait(key text) returns int
language sql volatile security definer set search_path = ''
as $$
  select greatest(ceil(extract(epoch from a.window_end - clock_timestamp())), 1)::int from core.attempts a where a.key = attempt_wait.key
$$;
comment on function core.attempt_wait(text) is 'The seconds until attempts are counted from the beginning again.';

create or replace function core.uncount_attempt(key text) returns void
language sql volatile security definer set search_path = ''
as $$ update core.attempts a set count = a.count - 1 where a.key = uncount_attempt.key and a.count > 0 $$;
comment on function core.uncount_attempt(text) is 'Takes an attempt back that turned out to be a success.';

create or replace function core.attempt_count(key text) returns int
language sql volatile security definer set search_path = ''
as $$ select coalesce((select a.count from core.attempts a where a.key = attempt_count.key and a.window_end > clock_timestamp()), 0) $$;
comment on function core.attempt_count(text) is 'How many attempts were counted within the period that goes on.';

create or replace function core.forget_attempts() returns void
language sql volatile security definer set search_path = ''
as $$ delete from core.attempts a where a.window_end < now() $$;
comment on function core.forget_attempts() is 'Deletes the counts of periods that are over. Called from time to time by the server.';

create or replace function core.take_requests(key text, wanted int, max int, period interval)
returns table (granted int, remaining int, seconds double precision)
language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_count int;
  v_granted int;
  v_end timestamptz;
begin
  insert into core.attempts as a (key, window_start, window_end, count)
  values (take_requests.key, clock_timestamp(), clock_timestamp() + take_requests.period, 0)
  on conflict (key) do update set
    window_start = case when a.window_end > clock_timestamp() then a.window_start else excluded.window_start end,
    window_end = case when a.window_end > clock_timestamp() then a.window_end else excluded.window_end end,
    count = case when a.window_end > clock_timestamp() then a.count else 0 end
  returning a.count, a.window_end into v_count, v_end;
  v_granted := greatest(least(take_requests.wanted, take_requests.max - v_count), 0);
  update core.attempts a set count = a.count + v_granted where a.key = take_requests.key;
  return query select v_granted, greatest(take_requests.max - v_count - v_granted, 0),
    greatest(extract(epoch from v_end - clock_timestamp())::double precision, 0.001);
end
$$;
comment on function core.take_requests(text, int, int, interval) is
  'Takes a part of what is allowed within the period: as much as is wanted and left, what is left then, and the seconds until the next period.';

grant execute on function core.count_attempt(text, int, interval), core.attempt_wait(text), core.uncount_attempt(text), core.attempt_count(text), core.forget_attempts(),
  core.take_requests(text, int, int, interval)
  to relvar_server, relvar_worker;
