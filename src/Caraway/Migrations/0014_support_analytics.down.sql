delete from platform.event_retries where handler = 'support-analytics';
delete from platform.event_cursors where handler = 'support-analytics';
drop table support.resolution_counts;
drop table support.day_counts;
drop table support.counted_cases;
drop view support.case_facts;
