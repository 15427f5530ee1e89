drop schema advocacy cascade;
delete from platform.jobs where queue = 'documents';
