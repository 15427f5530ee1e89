-- backward-compatible
-- Analytics of Advocacy: counts by day, which a handler of the case events keeps, so that an answer does not read every case.

-- A bucket holds the durations from one preferred number of seconds (ISO 3, R10) up to the next: ten buckets for each power of ten.
create function platform.duration_bucket(microseconds bigint) returns integer language sql immutable strict parallel safe
as $$ select width_bucket(microseconds / 1000000, '{
    1, 2, 3, 4, 5, 6, 8,
    10, 13, 16, 20, 25, 32, 40, 50, 63, 80,
    100, 125, 160, 200, 250, 315, 400, 500, 630, 800,
    1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000,
    10000, 12500, 16000, 20000, 25000, 31500, 40000, 50000, 63000, 80000,
    100000, 125000, 160000, 200000, 250000, 315000, 400000, 500000, 630000, 800000,
    1000000, 1250000, 1600000, 2000000, 2500000, 3150000, 4000000, 5000000, 6300000, 8000000,
    10000000, 12500000, 16000000, 20000000, 25000000, 31500000, 40000000, 50000000, 63000000, 80000000,
    100000000, 125000000, 160000000, 200000000, 250000000, 315000000, 400000000, 500000000, 630000000, 800000000
    }'::bigint[]) $$;

comment on function platform.duration_bucket is 'the number of a duration''s bucket; a longer duration never has a lower one';

-- What a case counts as. The rollup is the sum over this view: the handler and the statement below read it.
create view advocacy.case_facts as
select c.id as case_id,
    (c.created_at at time zone 'UTC')::date as opened_on,
    c.current_status as status,
    (e.ended_at at time zone 'UTC')::date as ended_on,
    (e.decided_at at time zone 'UTC')::date as decided_on,
    e.decision,
    t.took,
    platform.duration_bucket(t.took) as bucket
from advocacy.cases c
left join lateral (
    select min(s.created_at) as ended_at,
        min(s.created_at) filter (where s.to_status <> 'CLOSED') as decided_at,
        min(s.to_status) filter (where s.to_status <> 'CLOSED') as decision
    from advocacy.status_events s where s.case_id = c.id and s.to_status in ('APPROVED', 'DENIED', 'CLOSED')
) e on true
cross join lateral (
    select case when e.decided_at > c.created_at then (extract(epoch from e.decided_at - c.created_at) * 1000000)::bigint end as took
) t;

comment on column advocacy.case_facts.ended_on is 'the UTC day of the decision, or of the closure without one';
comment on column advocacy.case_facts.took is
    'microseconds from the opening to the decision; null for a case that was opened with its decision, as imports do';

create table advocacy.counted_cases (
    case_id bigint primary key,
    opened_on date not null,
    status text not null,
    ended_on date,
    decided_on date,
    decision text,
    took bigint,
    bucket integer
) with (fillfactor = 85);

comment on table advocacy.counted_cases is 'what the rollup has counted for each case; the handler writes the difference to the present facts';

create index counted_cases_took on advocacy.counted_cases (bucket, took, decided_on) where bucket is not null;

create table advocacy.day_counts (
    fact text not null check (fact in ('opened', 'ended', 'status', 'decision')),
    day date not null,
    word text not null,
    cases integer not null,
    primary key (fact, day, word)
) with (fillfactor = 70);

comment on table advocacy.day_counts is 'cases by day: opened; ended; opened, by present status; decided, by decision';

create table advocacy.decision_counts (
    day date not null,
    bucket integer not null,
    cases integer not null,
    primary key (day, bucket)
) with (fillfactor = 70);

comment on table advocacy.decision_counts is 'a histogram of the time to decision for each day of decision';

-- The handler starts behind the events of the changes that are counted below. Without an event, it starts where every handler does.
-- A change that is counted below and delivered later makes no difference.
insert into platform.event_cursors (handler, position) select 'advocacy-analytics', position from platform.sequencer where position > 0;

insert into advocacy.counted_cases (case_id, opened_on, status, ended_on, decided_on, decision, took, bucket)
select case_id, opened_on, status, ended_on, decided_on, decision, took, bucket from advocacy.case_facts;

insert into advocacy.day_counts (fact, day, word, cases)
select f.fact, f.day, f.word, count(*)
from advocacy.counted_cases c
cross join lateral (values
    ('opened', c.opened_on, ''), ('ended', c.ended_on, ''), ('status', c.opened_on, c.status), ('decision', c.decided_on, c.decision)
) f (fact, day, word)
where f.day is not null
group by f.fact, f.day, f.word;

insert into advocacy.decision_counts (day, bucket, cases)
select decided_on, bucket, count(*) from advocacy.counted_cases where bucket is not null group by decided_on, bucket;
