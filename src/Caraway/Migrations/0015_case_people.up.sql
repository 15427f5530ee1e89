-- Cases are linked to patients and assigned to users after their intake. Not backward-compatible: an older program would pass over the events
-- that link and unlink a case, and the timelines of patients would stay wrong.
alter table advocacy.cases add column assignee_id bigint references identity.users (id);

comment on column advocacy.cases.assignee_id is 'the user whose name assignee is; null when assignee was given as text';
comment on column advocacy.cases.version is 'rises with each change of status, assignee, applicant or patient; the ETag''s first part';

alter table patients.subjects alter column patient_id drop not null;
alter table patients.subjects add column event_id bigint not null default 0;

comment on column patients.subjects.patient_id is 'null: the subject was a patient''s and is not any more';
comment on column patients.subjects.event_id is 'the event that decided it; a replay of an older event changes nothing';
