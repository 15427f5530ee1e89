drop index support.cases_search;
alter table support.cases drop column number;
create index cases_search on support.cases using gin (readers, tags, search) with (fastupdate = off);

delete from platform.event_retries where handler = 'support-words';
delete from platform.event_cursors where handler = 'support-words';
delete from platform.search_words where kind = 'support_case';
