-- What every module stands on: the event log, stored answers, jobs.

-- One row for each change, written in the change's own transaction. Rows are only ever inserted; erasure takes payload and salt away.
create table platform.events (
    id bigint generated always as identity primary key,
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null,
    name text not null,
    subject text not null,
    actor text not null,
    on_behalf_of text,
    request_id text,
    address text,
    payload text,
    salt bytea,
    digest bytea not null
);

comment on column platform.events.xid is 'the writing transaction: the sequencer takes an event when no older transaction is open';
comment on column platform.events.subject is 'what changed: module.thing:id';
comment on column platform.events.digest is 'sha256(salt || payload): stays when payload and salt are erased';

create index events_subject on platform.events (subject, id);

-- Here and not in the use cases, so that none can forget it.
create function platform.seal_event() returns trigger language plpgsql as $$
begin
    new.salt := uuid_send(gen_random_uuid());
    new.digest := sha256(new.salt || convert_to(new.payload, 'UTF8'));
    return new;
end
$$;

create trigger seal before insert on platform.events for each row execute function platform.seal_event();

-- Answers to requests with an Idempotency-Key, for 24 hours. Hashes are keyed: neither key nor body can be guessed from them.
create table platform.idempotency_keys (
    key_hash bytea primary key,
    fingerprint bytea not null,
    status integer not null,
    content_type text,
    location text,
    etag text,
    body bytea not null,
    created_at timestamptz not null
);

create index idempotency_keys_created_at on platform.idempotency_keys (created_at);

-- Work to be done after the transaction that asked for it.
create table platform.jobs (
    id bigint generated always as identity primary key,
    queue text not null,
    kind text not null,
    subject text not null,
    payload text not null,
    state text not null default 'queued' check (state in ('queued', 'running', 'succeeded', 'failed')),
    run_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

comment on column platform.jobs.subject is 'what the job is about: module.thing:id';

-- A thing waits for a kind of work once, however often it is asked for.
create unique index jobs_waiting_once on platform.jobs (kind, subject) where state = 'queued';
create index jobs_due on platform.jobs (queue, run_at, id) where state = 'queued';
