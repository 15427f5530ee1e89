-- Search: one text-search configuration for every desk. It folds accents, so that "Jose" finds "José".
create extension if not exists unaccent with schema public;
create extension if not exists pg_trgm with schema public;

create text search configuration platform.words (copy = pg_catalog.english);
alter text search configuration platform.words alter mapping for hword, hword_part, word with public.unaccent, english_stem;

comment on text search configuration platform.words is 'English stems without accents; used by every stored vector and every query';

-- Not immutable by themselves, so generated columns and indexes need these. unaccent() depends only on its dictionary, which is fixed here.
create function platform.fold(text text) returns text language sql immutable strict parallel safe
as $$ select lower(public.unaccent('public.unaccent'::regdictionary, text)) $$;

comment on function platform.fold is 'text in lower case without accents: names are compared in this form';

create function platform.join_words(words text[]) returns text language sql immutable strict parallel safe
as $$ select array_to_string(words, ' ') $$;

comment on function platform.join_words is 'the texts with blanks between them, for a stored vector';
