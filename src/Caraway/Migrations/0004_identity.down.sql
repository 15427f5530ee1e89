alter table advocacy.cases drop column patient_id;
drop schema identity cascade;
