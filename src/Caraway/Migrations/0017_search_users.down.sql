drop view identity.user_card;
create view identity.user_card as select id, full_name, role, is_active, email, created_at, updated_at from identity.users;
alter table identity.users drop column search_text;

delete from platform.event_retries where handler = 'identity-words';
delete from platform.event_cursors where handler = 'identity-words';
delete from platform.search_words where kind = 'person';
