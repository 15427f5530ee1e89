-- Which batch of the access log shows what: one row for each kind of thing, and one index entry for each thing, for a batch of records. An
-- index over the records themselves cost a read more than its record.

-- Nothing is written between the reading below and the commit.
lock table platform.access_log in share row exclusive mode;

alter sequence platform.access_batches rename to access_batch_ids;

create table platform.access_batches (
    batch bigint not null,
    kind text not null,
    ids bigint[] not null,
    patient_ids bigint[] not null,
    primary key (batch, kind)
);

comment on table platform.access_batches is 'finds the records of the access log: a batch''s records have the ids batch * 65536 + 1 and on';
comment on column platform.access_batches.ids is 'all that its records of this kind show, ascending and once each; likewise patient_ids';

insert into platform.access_batches (batch, kind, ids, patient_ids)
select b.batch, b.kind,
    array(select distinct i from platform.access_log a, unnest(a.ids) i where a.id >= b.batch << 16 and a.id < (b.batch + 1) << 16 and a.kind = b.kind order by i),
    array(select distinct i from platform.access_log a, unnest(a.patient_ids) i where a.id >= b.batch << 16 and a.id < (b.batch + 1) << 16 and a.kind = b.kind order by i)
from (select distinct id >> 16 as batch, kind from platform.access_log) b;

-- What comes is put on the index's pending list, which searches read, too; the program merges it beside the writing, so no write waits for that.
create index access_batches_ids on platform.access_batches using gin (ids) with (gin_pending_list_limit = 1048576);
create index access_batches_patients on platform.access_batches using gin (patient_ids) with (gin_pending_list_limit = 1048576);
-- Nothing is planned by what is common in them, and to find that out costs more than all the rest of an analyze.
alter table platform.access_batches alter column ids set statistics 0, alter column patient_ids set statistics 0;

drop index platform.access_log_ids;
drop index platform.access_log_patients;
alter table platform.access_log alter column ids set statistics 0, alter column patient_ids set statistics 0;
