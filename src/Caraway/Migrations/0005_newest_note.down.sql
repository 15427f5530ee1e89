alter table advocacy.cases drop column newest_note;
