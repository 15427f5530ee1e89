delete from platform.event_retries where handler = 'advocacy-analytics';
delete from platform.event_cursors where handler = 'advocacy-analytics';
drop table advocacy.decision_counts;
drop table advocacy.day_counts;
drop table advocacy.counted_cases;
drop view advocacy.case_facts;
drop function platform.duration_bucket(bigint);
