-- Care: appointments, lab results, availability, calendar links.

-- Equality beside overlap in one constraint.
create extension if not exists btree_gist;

create schema care;

-- Whole accounts, as Care shows them beside appointments.
create or replace view identity.user_card as select id, full_name, role, is_active, email, created_at, updated_at from identity.users;

create table care.appointments (
    id bigint generated always as identity primary key,
    patient_id bigint not null references identity.users (id),
    doctor_id bigint references identity.users (id),
    scheduled_time timestamptz not null,
    ends_at timestamptz not null,
    duration_minutes integer not null check (duration_minutes between 5 and 480),
    reason text not null check (char_length(reason) between 1 and 255),
    notes text check (char_length(notes) <= 10000),
    status text not null check (status in ('pending', 'confirmed', 'completed', 'cancelled')),
    holds_time boolean not null generated always as (status <> 'cancelled') stored,
    doctor_given_by text,
    sequence integer not null default 0,
    version bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check (ends_at = scheduled_time + make_interval(mins => duration_minutes)),
    constraint doctor_booked_once exclude using gist (doctor_id with =, tstzrange(scheduled_time, ends_at) with &&) where (holds_time and doctor_id is not null),
    constraint patient_booked_once exclude using gist (patient_id with =, tstzrange(scheduled_time, ends_at) with &&) where (holds_time)
) with (fillfactor = 85);

comment on column care.appointments.ends_at is 'stored, for timestamptz + interval is not immutable and no constraint can compute it';
comment on column care.appointments.holds_time is 'in the constraints instead of the status, so that a confirmation changes no index and checks them no more';
comment on column care.appointments.doctor_given_by is 'the actor who named the doctor; a doctor does not get a patient by booking himself';
comment on column care.appointments.sequence is 'of its calendar entry (RFC 5545, section 3.8.7.4)';

create index appointments_patient on care.appointments (patient_id, scheduled_time, id);
create index appointments_doctor on care.appointments (doctor_id, scheduled_time, id) where doctor_id is not null;
create index appointments_doctor_patient on care.appointments (doctor_id, patient_id) where doctor_id is not null;

create table care.lab_results (
    id bigint generated always as identity primary key,
    patient_id bigint not null references identity.users (id),
    test_name text not null check (char_length(test_name) between 1 and 255),
    result_data text not null,
    interpretation text not null check (interpretation in ('low', 'normal', 'high', 'unknown')),
    recorded_at timestamptz not null,
    created_at timestamptz not null
);

comment on column care.lab_results.result_data is 'JSON as it was sent: numbers keep every digit';

create index lab_results_patient on care.lab_results (patient_id, recorded_at, id);

-- When a doctor can be booked; without a row, at any time.
create table care.availability (
    doctor_id bigint primary key references identity.users (id),
    rules text not null,
    version bigint not null,
    updated_at timestamptz not null
);

create table care.calendar_links (
    user_id bigint primary key references identity.users (id),
    token_hash bytea not null unique,
    created_at timestamptz not null
);

-- The tasks of an appointment, and the reminder that a cancellation drops.
create index jobs_subject on platform.jobs (subject, id) where kind in ('schedule_appointment', 'remind_appointment');
