drop table platform.search_lexemes;

create or replace function platform.spans(id bigint) returns integer[] language sql immutable strict parallel safe
as $$ select array[(2 * (id >> 17))::integer, (2 * (id >> 20) + 1)::integer] $$;

comment on function platform.spans is 'the spans of 131,072 (even numbers) and of 1,048,576 ids (odd numbers) that an id is in';

drop function platform.newest_spans(bigint, integer);
create function platform.newest_spans(id bigint) returns integer[] language sql immutable strict parallel safe
as $$ select array[(2 * (id >> 17))::integer, (2 * ((id >> 17) - 1))::integer] $$;

comment on function platform.newest_spans is 'the spans of the 131,072 to 262,144 ids up to this one, for: spans(id) && newest_spans(newest)';

reindex index advocacy.case_words_search;
reindex index care.appointment_words_search;
reindex index identity.users_search;
reindex index support.cases_search;
