drop table platform.jobs;
drop table platform.idempotency_keys;
drop table platform.events;
drop function platform.seal_event();
