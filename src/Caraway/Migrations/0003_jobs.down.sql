alter table advocacy.documents drop column findings;
drop index platform.jobs_waiting_once, platform.jobs_leased, platform.jobs_failed, platform.jobs_finished;
delete from platform.jobs j where state = 'queued' and attempt > 0
    and exists (select from platform.jobs o where o.kind = j.kind and o.subject = j.subject and o.state = 'queued' and o.id <> j.id and (o.attempt = 0 or o.id < j.id));
create unique index jobs_waiting_once on platform.jobs (kind, subject) where state = 'queued';
alter table platform.jobs drop column attempt, drop column worker, drop column lease_until, drop column error, drop column outcome;
alter table platform.jobs reset (fillfactor, autovacuum_vacuum_scale_factor);
