drop function platform.join_words(text[]);
drop function platform.fold(text);
drop text search configuration platform.words;
drop extension if exists pg_trgm;
drop extension if exists unaccent;
