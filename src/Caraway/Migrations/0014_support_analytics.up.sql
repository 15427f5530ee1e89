-- backward-compatible
-- Analytics of Support: counts by day, which a handler of the case events keeps, so that an answer does not read every case.

-- What a case counts as. The rollup is the sum over this view; the analysis of one user's cases reads it itself.
create view support.case_facts as
select c.id as case_id,
    c.readers,
    (c.created_at at time zone 'UTC')::date as opened_on,
    c.status,
    c.severity,
    c.category,
    (c.ended_at at time zone 'UTC')::date as ended_on,
    (c.resolved_at at time zone 'UTC')::date as resolved_on,
    t.took,
    platform.duration_bucket(t.took) as bucket,
    c.updated_at
from support.cases c
cross join lateral (
    select case when c.resolved_at > c.created_at then (extract(epoch from c.resolved_at - c.created_at) * 1000000)::bigint end as took
) t;

comment on column support.case_facts.took is
    'microseconds from the creation to the resolution; null for a case that was created resolved, as imports do';

create table support.counted_cases (
    case_id bigint primary key,
    opened_on date not null,
    status text not null,
    severity text not null,
    category text not null,
    ended_on date,
    resolved_on date,
    took bigint,
    bucket integer,
    updated_at timestamptz not null
) with (fillfactor = 85);

comment on table support.counted_cases is 'what the rollup has counted for each case; the handler writes the difference to the present facts';

create index counted_cases_took on support.counted_cases (bucket, took, resolved_on) where bucket is not null;

-- The metric of the case that nobody has touched for the longest time.
create index counted_cases_untouched on support.counted_cases (updated_at) where ended_on is null;

create table support.day_counts (
    fact text not null check (fact in ('opened', 'ended', 'state', 'category')),
    day date not null,
    word text not null,
    cases integer not null,
    primary key (fact, day, word)
) with (fillfactor = 70);

comment on table support.day_counts is 'cases by day: opened; ended; opened, by present status and severity; opened, by category';

create table support.resolution_counts (
    day date not null,
    bucket integer not null,
    cases integer not null,
    primary key (day, bucket)
) with (fillfactor = 70);

comment on table support.resolution_counts is 'a histogram of the time to resolution for each day of resolution';

-- The handler starts behind the events of the changes that are counted below. Without an event, it starts where every handler does.
-- A change that is counted below and delivered later makes no difference.
insert into platform.event_cursors (handler, position) select 'support-analytics', position from platform.sequencer where position > 0;

insert into support.counted_cases (
    case_id, opened_on, status, severity, category, ended_on, resolved_on, took, bucket, updated_at)
select case_id, opened_on, status, severity, category, ended_on, resolved_on, took, bucket, updated_at from support.case_facts;

insert into support.day_counts (fact, day, word, cases)
select f.fact, f.day, f.word, count(*)
from support.counted_cases c
cross join lateral (values
    ('opened', c.opened_on, ''), ('ended', c.ended_on, ''), ('state', c.opened_on, c.status || ' ' || c.severity),
    ('category', c.opened_on, c.category)
) f (fact, day, word)
where f.day is not null
group by f.fact, f.day, f.word;

insert into support.resolution_counts (day, bucket, cases)
select resolved_on, bucket, count(*) from support.counted_cases where bucket is not null group by resolved_on, bucket;
