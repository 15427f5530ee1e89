-- backward-compatible
-- A gateway's user and a user of Caraway who are one person.
create table identity.gateway_links (
    user_id bigint primary key references identity.users (id),
    gateway_id text not null unique check (char_length(gateway_id) between 1 and 100),
    linked_at timestamptz not null
);

comment on table identity.gateway_links is 'each of the two owns the support cases of the other; an administrator writes it';
comment on column identity.gateway_links.gateway_id is 'X-User-ID, as the gateway sends it';
