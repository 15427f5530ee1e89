-- Advocacy: a patient's case from intake to decision. Lengths and words are also checked in the program; here is the last word.

create schema advocacy;

create table advocacy.applicants (
    id bigint generated always as identity primary key,
    full_name text not null check (char_length(full_name) between 1 and 200),
    email text check (char_length(email) <= 320),
    phone text check (char_length(phone) <= 50),
    created_at timestamptz not null
);

create table advocacy.cases (
    id bigint generated always as identity primary key,
    applicant_id bigint not null references advocacy.applicants (id),
    narrative text not null check (char_length(narrative) between 1 and 20000),
    external_reference text unique check (char_length(external_reference) <= 100),
    current_status text not null
        check (current_status in ('NEW', 'IN_REVIEW', 'NEEDS_INFO', 'SUBMITTED', 'APPROVED', 'DENIED', 'CLOSED')),
    assignee text check (char_length(assignee) between 1 and 120),
    version bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

comment on column advocacy.cases.version is 'rises with each change of status or assignee; the ETag''s first part';

-- Each list of GET /cases is a walk down one of these, newest first.
create index cases_status on advocacy.cases (current_status, id);
create index cases_assignee on advocacy.cases (assignee, id) where assignee is not null;
create index cases_assignee_status on advocacy.cases (assignee, current_status, id) where assignee is not null;
create index cases_applicant on advocacy.cases (applicant_id);

create table advocacy.status_events (
    id bigint generated always as identity primary key,
    case_id bigint not null references advocacy.cases (id),
    from_status text,
    to_status text not null,
    actor text not null check (char_length(actor) between 1 and 120),
    reason text check (char_length(reason) <= 500),
    created_at timestamptz not null
);

create index status_events_case on advocacy.status_events (case_id, id);

create table advocacy.notes (
    id bigint generated always as identity primary key,
    case_id bigint not null references advocacy.cases (id),
    author text not null check (char_length(author) between 1 and 120),
    body text not null check (char_length(body) between 1 and 10000),
    created_at timestamptz not null
);

create index notes_case on advocacy.notes (case_id, id);

create table advocacy.documents (
    id bigint generated always as identity primary key,
    case_id bigint not null references advocacy.cases (id),
    filename text not null check (char_length(filename) between 1 and 255),
    content_type text check (char_length(content_type) <= 100),
    uri text check (char_length(uri) <= 500),
    status text not null check (status in ('UPLOADED', 'PROCESSING', 'PROCESSED', 'FAILED')),
    error_message text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create index documents_case on advocacy.documents (case_id, id);
