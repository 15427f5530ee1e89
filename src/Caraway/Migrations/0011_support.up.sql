-- Support: troubleshooting cases. Each belongs to the user who created it; sharing lets others read or change it.

create schema support;

create table support.cases (
    id bigint primary key check (id between 0 and 281474976710655),
    owner text not null check (char_length(owner) between 1 and 120),
    readers text[] not null,
    session_id text check (char_length(session_id) between 1 and 100),
    title text not null check (char_length(title) between 1 and 200),
    description text not null check (char_length(description) <= 20000),
    status text not null check (status in ('active', 'investigating', 'resolved', 'closed', 'archived')),
    severity text not null check (severity in ('low', 'medium', 'high', 'critical')),
    category text not null check (category in ('performance', 'error', 'configuration', 'infrastructure', 'security', 'other')),
    metadata text not null check (octet_length(metadata) <= 32768),
    tags text[] not null check (cardinality(tags) <= 50),
    version bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    resolved_at timestamptz,
    ended_at timestamptz,
    search tsvector not null generated always as (
        setweight(to_tsvector('platform.words', title), 'A')
        || setweight(to_tsvector('platform.words', platform.join_words(tags)), 'B')
        || to_tsvector('platform.words', description)) stored
) with (fillfactor = 85);

comment on column support.cases.id is '48 random bits; the case_id is case_ and these bits as 12 hex digits';
comment on column support.cases.owner is 'the actor who created it: user:ID, gateway:ID, apikey:ID';
comment on column support.cases.readers is 'the owner and everybody with a share, so that one index holds who may find a case and its words';
comment on column support.cases.metadata is 'JSON as it was sent: numbers keep every digit';
comment on column support.cases.ended_at is 'set when the case leaves active and investigating, cleared on reopening; counts the backlog';

-- Each list is a walk down one of these, newest first.
create index cases_owner on support.cases (owner, created_at, id);
create index cases_owner_status on support.cases (owner, status, created_at, id);
create index cases_created_at on support.cases (created_at, id);
create index cases_status on support.cases (status, created_at, id);
create index cases_session on support.cases (session_id, owner, created_at, id) where session_id is not null;
-- Without the pending list, a search never reads what other callers have just written, one by one.
create index cases_search on support.cases using gin (readers, tags, search) with (fastupdate = off);

create table support.shares (
    case_id bigint not null references support.cases (id) on delete cascade,
    reader text not null check (char_length(reader) between 1 and 120),
    access text not null check (access in ('view', 'edit')),
    case_created_at timestamptz not null,
    shared_by text not null,
    shared_at timestamptz not null,
    primary key (case_id, reader)
);

comment on column support.shares.case_created_at is 'of the case, so that the list of shared cases is a walk down one index';

create index shares_reader on support.shares (reader, case_created_at, case_id);

-- The number in Case-MMDD-N. A row stays when its cases are deleted, so that no number is given twice.
create table support.day_numbers (
    owner text not null,
    day date not null,
    last integer not null,
    primary key (owner, day)
);

create table support.case_templates (
    id bigint generated always as identity primary key,
    owner text check (char_length(owner) between 1 and 120),
    name text not null check (char_length(name) between 1 and 100),
    title text check (char_length(title) between 1 and 200),
    description text not null check (char_length(description) <= 20000),
    severity text check (severity in ('low', 'medium', 'high', 'critical')),
    category text check (category in ('performance', 'error', 'configuration', 'infrastructure', 'security', 'other')),
    tags text[] not null check (cardinality(tags) <= 50),
    checklist text[] not null check (cardinality(checklist) <= 100),
    version bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

comment on column support.case_templates.owner is 'null: a global template, which everybody may use';

create unique index case_templates_name on support.case_templates (coalesce(owner, ''), lower(name));
create index case_templates_owner on support.case_templates (owner, id);
