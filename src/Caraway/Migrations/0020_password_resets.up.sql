-- backward-compatible
-- One-time addresses under which a person chooses a new password.
create table identity.password_resets (
    user_id bigint primary key references identity.users (id),
    token_hash bytea not null unique,
    created_at timestamptz not null,
    expires_at timestamptz not null
);

comment on table identity.password_resets is 'at most one for each user; deleted when it is used, replaced, void or expired';

create index password_resets_expired on identity.password_resets (expires_at);
