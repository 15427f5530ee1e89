-- backward-compatible
-- Search: the words of each desk's texts, with indexes that a search reads from the newest id on.

create text search configuration platform.plain (copy = pg_catalog.simple);
alter text search configuration platform.plain alter mapping for hword, hword_part, word with public.unaccent, simple;

comment on text search configuration platform.plain is 'whole words in lower case without accents: for names, and for suggestions';

create function platform.like_text(text text) returns text language sql immutable strict parallel safe
as $$ select replace(replace(replace(platform.fold(text), E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_') $$;

comment on function platform.like_text is 'the folded text for a pattern of LIKE, in which its signs are themselves';

-- With a word's rows, an index also has those of a span of ids. So it finds the newest of them without reading all.
create function platform.spans(id bigint) returns integer[] language sql immutable strict parallel safe
as $$ select array[(2 * (id >> 17))::integer, (2 * (id >> 20) + 1)::integer] $$;

comment on function platform.spans is 'the spans of 131,072 (even numbers) and of 1,048,576 ids (odd numbers) that an id is in';

create function platform.newest_spans(id bigint) returns integer[] language sql immutable strict parallel safe
as $$ select array[(2 * (id >> 17))::integer, (2 * ((id >> 17) - 1))::integer] $$;

comment on function platform.newest_spans is 'the spans of the 131,072 to 262,144 ids up to this one, for: spans(id) && newest_spans(newest)';

-- Words for "did you mean". A kind's words answer only callers who see everything of that kind.
create table platform.search_words (
    kind text not null,
    word text not null check (char_length(word) between 3 and 40),
    is_name boolean not null,
    primary key (kind, word)
);

comment on table platform.search_words is 'the words of a kind''s texts, without accents; event handlers add them, nothing tells where a word stood';

create index search_words_trigrams on platform.search_words using gin (word gin_trgm_ops);

-- Beside the case's row, because that row changes often and its text does not: a change of status would write every word again.
create table advocacy.case_words (
    case_id bigint not null references advocacy.cases (id),
    note_id bigint not null,
    created_at timestamptz not null,
    words tsvector not null,
    primary key (case_id, note_id)
) with (toast_tuple_target = 8160);

comment on table advocacy.case_words is 'the words of a case (note_id 0: its narrative and its applicant''s name) and of its notes; the handler advocacy-words writes it';
comment on column advocacy.case_words.created_at is 'of the case';

create index case_words_created_at on advocacy.case_words (created_at, case_id) where note_id = 0;
create index case_words_search on advocacy.case_words using gin (platform.spans(case_id), words) with (fastupdate = off);
