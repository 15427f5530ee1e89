-- backward-compatible
-- Appointments are found by their reason and by the names of their persons.
create table care.appointment_words (
    appointment_id bigint primary key references care.appointments (id),
    people bigint[] not null,
    status text not null,
    scheduled_time timestamptz not null,
    words tsvector not null
);

comment on table care.appointment_words is 'the words of appointments; the handler care-words writes it, so it can be a moment behind';
comment on column care.appointment_words.people is 'patient and doctor, so that one index holds whose appointments have a word';

create index appointment_words_scheduled_time on care.appointment_words (scheduled_time, appointment_id);
create index appointment_words_search on care.appointment_words
    using gin (people, (array[status]), platform.spans(appointment_id), words) with (fastupdate = off);
