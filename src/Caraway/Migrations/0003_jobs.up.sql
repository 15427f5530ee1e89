-- Leases, fencing and retries for the queue.

alter table platform.jobs
    add column attempt integer not null default 0,
    add column worker text,
    add column lease_until timestamptz,
    add column error text,
    add column outcome text;

comment on column platform.jobs.attempt is 'how often it was begun; with worker it fences off one that lost its lease';
comment on column platform.jobs.error is 'a sentence for people: why the last attempt failed';

-- A thing waits for a kind of work once, however often it is asked for. A job that waits for its next try does not count: what is asked
-- for meanwhile may be new.
drop index platform.jobs_waiting_once;
create unique index jobs_waiting_once on platform.jobs (kind, subject) where state = 'queued' and attempt = 0;

-- Lost workers' jobs are found here.
create index jobs_leased on platform.jobs (lease_until) where state = 'running';
create index jobs_failed on platform.jobs (id) where state = 'failed';

-- Most rows change three times, and finished ones are removed after a time: leave room on the page, and clean often.
alter table platform.jobs set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index jobs_finished on platform.jobs (updated_at) where state = 'succeeded';

alter table advocacy.documents add column findings text;
comment on column advocacy.documents.findings is 'JSON: what processing found of name, extension and content type';
