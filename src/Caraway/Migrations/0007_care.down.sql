drop index platform.jobs_subject;
delete from platform.jobs where kind in ('schedule_appointment', 'remind_appointment');
drop schema care cascade;
drop view identity.user_card;
create view identity.user_card as select id, full_name, role, is_active from identity.users;
drop extension btree_gist;
