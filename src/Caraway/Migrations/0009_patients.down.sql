comment on column platform.chain.hash is 'sha256(previous hash || position || envelope || digest): src/Caraway/Platform/Audit/Chain.cs';
comment on table patients.timeline is null;
comment on table patients.subjects is null;
drop function platform.actor_name(text);
alter table patients.timeline rename to patient_timeline;
alter table patients.subjects rename to patient_subjects;
alter table patients.patient_timeline set schema identity;
alter table patients.patient_subjects set schema identity;
drop schema patients;
