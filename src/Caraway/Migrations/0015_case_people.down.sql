comment on column patients.subjects.patient_id is null;
alter table patients.subjects drop column event_id;
delete from patients.subjects where patient_id is null;
alter table patients.subjects alter column patient_id set not null;

comment on column advocacy.cases.version is 'rises with each change of status or assignee; the ETag''s first part';
alter table advocacy.cases drop column assignee_id;
