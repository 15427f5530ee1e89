-- A case's row tells its newest note, so that its entity tag is read off one row.

alter table advocacy.cases add column newest_note bigint not null default 0;
comment on column advocacy.cases.newest_note is 'id of its newest note, 0 without one; the ETag''s second part';

update advocacy.cases c set newest_note = n.newest
from (select case_id, max(id) as newest from advocacy.notes group by case_id) n
where n.case_id = c.id;
