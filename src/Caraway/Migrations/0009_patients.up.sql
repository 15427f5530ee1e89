-- A patient's record across modules gets a module, and a schema, of its own.
create schema patients;
alter table identity.patient_subjects set schema patients;
alter table identity.patient_timeline set schema patients;
alter table patients.patient_subjects rename to subjects;
alter table patients.patient_timeline rename to timeline;

comment on table patients.subjects is 'which patient a subject of the event log belongs to';
comment on table patients.timeline is 'the events of a patient''s record, across modules';

-- The platform's logs name actors. The module that knows an actor's name tells it here, so that the platform reads no module's tables.
create function platform.actor_name(actor text) returns text language sql stable parallel safe
as $$ select full_name from identity.user_card where id = case when actor like 'user:%' then substr(actor, 6)::bigint end $$;

comment on function platform.actor_name is 'the full name of a user; null for other actors';
comment on column platform.chain.hash is 'sha256(previous hash || position || envelope || digest): src/Caraway/Platform/Events/Chain.cs';
