-- What happened, in one order and one chain; who handles it; who looked.

-- An id is drawn only after its transaction has its number, so that no transaction that begins later can draw a lower one: from both the
-- sequencer tells up to which id every event is there.
create sequence platform.event_ids;
select setval('platform.event_ids', coalesce((select max(id) from platform.events), 0) + 1, false);
alter table platform.events
    alter column id drop identity,
    alter column id set default case when pg_current_xact_id() is not null then nextval('platform.event_ids') end;
alter sequence platform.event_ids owned by platform.events.id;

-- The filters of GET /api/v1/audit-logs; a time is turned into ids.
create index events_actor on platform.events (actor, id);
create index events_name on platform.events (name, id);
create index events_at on platform.events (at);

create table platform.chain (
    position bigint primary key,
    event_id bigint not null unique,
    hash bytea not null
);

comment on table platform.chain is 'the order of events, without gaps; each entry is sealed by the hash of all before it';
comment on column platform.chain.hash is 'sha256(previous hash || position || envelope || digest): src/Caraway/Platform/Audit/Chain.cs';

-- One row: who gives positions now, and how far it is.
create table platform.sequencer (
    only_row boolean primary key default true check (only_row),
    holder text,
    fence bigint not null default 0,
    lease_until timestamptz,
    position bigint not null default 0,
    hash bytea not null default decode(repeat('00', 32), 'hex'),
    final_id bigint not null default 0,
    cluster bigint not null
);

comment on column platform.sequencer.fence is 'rises with each holder; one that lost its lease writes nothing more';
comment on column platform.sequencer.final_id is 'up to this id every event is in the chain, or never was committed';
comment on column platform.sequencer.cluster is 'the system identifier that xids of events belong to; another one after a restore';

insert into platform.sequencer (cluster) select system_identifier from pg_control_system();

-- How far each handler is: up to its position everything is handled, or stands in event_retries.
create table platform.event_cursors (
    handler text primary key,
    position bigint not null
);

-- Events whose handling failed, and those of the same subject that wait behind them.
create table platform.event_retries (
    handler text not null references platform.event_cursors (handler),
    position bigint not null,
    subject text not null,
    attempt integer not null,
    run_at timestamptz not null,
    parked boolean not null default false,
    error text,
    primary key (handler, position)
);

comment on column platform.event_retries.parked is 'after the last try: it stays until a replay, and those behind it go on';

create index event_retries_waiting on platform.event_retries (handler, subject, position) where not parked;

-- Who was shown what: a row for each answer with patients' data. An id is its batch's number times 65,536 and its place in the batch.
create sequence platform.access_batches;

create table platform.access_log (
    id bigint primary key,
    at timestamptz not null,
    actor text not null,
    request_id text not null,
    address text,
    action text not null,
    reason text,
    kind text not null,
    ids bigint[] not null,
    patient_ids bigint[]
);

comment on column platform.access_log.kind is 'what was shown: module.thing, and ids says which';
comment on column platform.access_log.patient_ids is 'whose records they were, where they name a patient who is a user';

-- What comes is put on the index's pending list, which searches read, too; the program merges it beside the writing, so no write waits for that.
create index access_log_ids on platform.access_log using gin (ids) with (gin_pending_list_limit = 1048576);
create index access_log_patients on platform.access_log using gin (patient_ids) with (gin_pending_list_limit = 1048576) where patient_ids is not null;

create view platform.audit_logs as
select e.id, c.position, e.at as time, e.name as event_name, e.subject, e.actor, e.on_behalf_of, e.request_id, e.address, e.payload::json as payload
from platform.events e left join platform.chain c on c.event_id = e.id;

-- A patient's timeline, across modules: which things are a patient's, and what happened to them.
create table identity.patient_subjects (
    subject text primary key,
    patient_id bigint not null references identity.users (id)
);

create table identity.patient_timeline (
    patient_id bigint not null references identity.users (id),
    event_id bigint not null,
    primary key (patient_id, event_id)
);
