-- backward-compatible
-- The analysis of one user's cases reads this view for each of them. An epoch as a double is exact to the microsecond for thirty years, and
-- costs a fraction of one as a numeric.
create or replace view support.case_facts as
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
    select case when c.resolved_at > c.created_at then (date_part('epoch', c.resolved_at - c.created_at) * 1000000)::bigint end as took
) t;
