drop table care.appointment_words;

delete from platform.event_retries where handler = 'care-words';
delete from platform.event_cursors where handler = 'care-words';
delete from platform.search_words where kind = 'appointment';
