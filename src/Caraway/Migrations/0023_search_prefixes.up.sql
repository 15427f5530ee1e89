-- The beginning of a word is looked up here first, because the index of vectors reads each row of each entry that begins with it.
create table platform.search_lexemes (
    kind text not null,
    lexeme text collate "C" not null,
    primary key (kind, lexeme)
);

comment on table platform.search_lexemes is 'every entry of a kind''s vectors that begins with a letter; event handlers add them, after the vector or with it';

-- Three lengths of spans, so that a search reads few more rows than it needs. The indexes hold the spans, so they are made again.
create or replace function platform.spans(id bigint) returns integer[] language sql immutable strict parallel safe
as $$ select array[(4 * (id >> 15))::integer, (4 * (id >> 17) + 1)::integer, (4 * (id >> 20) + 2)::integer] $$;

comment on function platform.spans is 'the spans of 32,768, of 131,072 and of 1,048,576 ids that an id is in: their numbers, times 4, plus 0, 1 and 2';

drop function platform.newest_spans(bigint);
create function platform.newest_spans(id bigint, bits integer) returns integer[] language sql immutable strict parallel safe
as $$
    select array[(4 * (id >> bits) + kind)::integer, (4 * ((id >> bits) - 1) + kind)::integer]
    from (select case bits when 15 then 0 when 17 then 1 when 20 then 2 end as kind) k
$$;

comment on function platform.newest_spans is 'the span of an id and the one before, of 2^bits ids each, for: spans(id) && newest_spans(newest, bits)';

reindex index advocacy.case_words_search;
reindex index care.appointment_words_search;
reindex index identity.users_search;
reindex index support.cases_search;

-- The handlers go through all events again and add what is new.
update platform.event_cursors set position = 0 where handler in ('advocacy-words', 'care-words', 'support-words');
