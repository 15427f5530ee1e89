drop table advocacy.case_words;
drop table platform.search_words;
drop function platform.newest_spans(bigint);
drop function platform.spans(bigint);
drop function platform.like_text(text);
drop text search configuration platform.plain;

-- The handlers that fill these tables start again at the first event.
delete from platform.event_retries where handler in ('advocacy-words');
delete from platform.event_cursors where handler in ('advocacy-words');
