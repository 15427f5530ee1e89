-- Identity: users, their sign-ins, API keys, and the keys that sign access tokens. No table holds what would let its reader pass for anybody.

create schema identity;

create table identity.users (
    id bigint generated always as identity primary key,
    email text not null check (char_length(email) <= 320),
    email_key text not null unique,
    full_name text not null check (char_length(full_name) between 1 and 255),
    password_hash text not null,
    role text not null check (role in ('patient', 'doctor', 'admin', 'caseworker', 'adjudicator', 'agent', 'auditor')),
    is_active boolean not null default true,
    version bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

comment on column identity.users.email_key is 'the address in lower case: unique';
comment on column identity.users.password_hash is 'ASP.NET Core Identity''s format 3: PBKDF2-HMAC-SHA512 with its cost';

create index users_role on identity.users (role, id);

-- The one thing of Identity that other modules may read.
create view identity.user_card as select id, full_name, role, is_active from identity.users;

-- A sign-in, with the family of refresh tokens that come from it.
create table identity.sessions (
    id uuid primary key,
    user_id bigint not null references identity.users (id),
    generation integer not null default 0,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_because text
);

comment on column identity.sessions.generation is 'of the newest refresh token that was used; an older one that comes back ends the family';

create index sessions_user on identity.sessions (user_id) where ended_at is null;
-- Every process looks here for what ended a moment ago.
create index sessions_ended on identity.sessions (ended_at) where ended_at is not null;
create index sessions_expired on identity.sessions (expires_at);

create table identity.refresh_tokens (
    token_hash bytea primary key,
    session_id uuid not null references identity.sessions (id) on delete cascade,
    generation integer not null,
    expires_at timestamptz not null
);

create index refresh_tokens_session on identity.refresh_tokens (session_id);

create table identity.signing_keys (
    kid text primary key,
    sealed_key bytea not null,
    created_at timestamptz not null,
    active_from timestamptz not null,
    expires_at timestamptz not null
);

comment on column identity.signing_keys.sealed_key is 'PKCS #8, encrypted with AES-256-GCM under a key derived from the master key';

create table identity.api_keys (
    id bigint generated always as identity primary key,
    name text not null check (char_length(name) between 1 and 100),
    prefix text not null,
    key_hash bytea not null unique,
    scopes text[] not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);

-- Attempts to sign in that failed, or are at work.
create table identity.sign_in_attempts (
    id bigint generated always as identity primary key,
    address text not null,
    account_hash bytea not null,
    at timestamptz not null,
    failed boolean not null default false
);

comment on column identity.sign_in_attempts.failed is 'false while the password is looked at; both count';
comment on column identity.sign_in_attempts.account_hash is 'HMAC of the user name under the master key, for people type their passwords there';

create index sign_in_attempts_address on identity.sign_in_attempts (address, at);
create index sign_in_attempts_pair on identity.sign_in_attempts (address, account_hash, at);
create index sign_in_attempts_at on identity.sign_in_attempts (at);

alter table advocacy.cases add column patient_id bigint references identity.users (id);
create index cases_patient on advocacy.cases (patient_id, id) where patient_id is not null;
