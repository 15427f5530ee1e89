-- backward-compatible
-- Support cases get a number in the order in which they are written, by which a search finds the newest ones in the index.
-- The new column writes support.cases again, which locks it meanwhile.
alter table support.cases add column number bigint generated always as identity;

comment on column support.cases.number is 'in the order in which cases are written, for the spans of the index; an imported case has an older created_at';

drop index support.cases_search;
create index cases_search on support.cases
    using gin (readers, tags, (array[status, severity, category]), platform.spans(number), search) with (fastupdate = off);
