-- backward-compatible
-- Imports of support cases: what was sent, how far it is, and the rows that wait to be written.

create table support.imports (
    id bigint generated always as identity primary key,
    sender text not null check (char_length(sender) between 1 and 120),
    hash bytea check (octet_length(hash) = 32),
    key_hash bytea,
    state text not null check (state in ('receiving', 'queued', 'running', 'succeeded', 'failed')),
    rows bigint not null default 0,
    done bigint not null default 0,
    imported bigint not null default 0,
    errors text not null default '[]',
    error_count bigint not null default 0,
    request_id text,
    address text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

comment on column support.imports.sender is 'the actor who sent the file; import: the command line';
comment on column support.imports.hash is 'sha256 of the file; null while it is received';
comment on column support.imports.key_hash is 'of the sender and the Idempotency-Key';
comment on column support.imports.done is 'rows from the beginning of the file that are written or skipped';
comment on column support.imports.errors is 'JSON: the first faults of the file';

-- A file is imported once at a time for a sender.
create unique index imports_running on support.imports (sender, hash) where state in ('queued', 'running');
create unique index imports_key on support.imports (key_hash) where key_hash is not null;
create index imports_file on support.imports (sender, hash);
create index imports_updated_at on support.imports (updated_at);

create table support.import_rows (
    import_id bigint not null references support.imports (id) on delete cascade,
    place bigint not null,
    content text not null,
    primary key (import_id, place)
);

comment on table support.import_rows is 'rows of files over 1 MiB, each removed by the transaction that writes its case';
comment on column support.import_rows.content is 'JSON: src/Caraway/Support/Files/ImportRow.cs';
