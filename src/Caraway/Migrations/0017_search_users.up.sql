-- backward-compatible
-- Users are found by a part of their name or address. The new column writes identity.users again, which locks it for some seconds.
alter table identity.users add column search_text text not null
    generated always as (platform.fold(' ' || full_name || ' ' || email)) stored;

comment on column identity.users.search_text is 'name and address, folded, with a blank in front: patterns such as ''% ann%'' find beginnings';

create index users_search on identity.users using gin (platform.spans(id), search_text gin_trgm_ops) with (fastupdate = off);

create or replace view identity.user_card as
select id, full_name, role, is_active, email, created_at, updated_at, search_text from identity.users;
