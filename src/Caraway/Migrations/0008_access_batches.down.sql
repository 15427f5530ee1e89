alter table platform.access_log alter column ids set statistics -1, alter column patient_ids set statistics -1;
create index access_log_ids on platform.access_log using gin (ids) with (gin_pending_list_limit = 1048576);
create index access_log_patients on platform.access_log using gin (patient_ids) with (gin_pending_list_limit = 1048576) where patient_ids is not null;
drop table platform.access_batches;
alter sequence platform.access_batch_ids rename to access_batches;
